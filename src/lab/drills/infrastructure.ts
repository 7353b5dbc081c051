import { startInfrastructure, stopInfrastructure } from '../infrastructure.js';
import { isAlive } from '../parts/daemon.js';
import { requireLab } from '../state.js';
import { faultDrill } from './fault-drill.js';
import type { Drill, DrillStage } from './stage.js';
import { pause, seconds } from './stage.js';

/** PostgreSQL is stopped for a while; what everybody knows goes on being used. */
export const postgresAway: Drill = faultDrill(async (stage, onEnd) => {
  const { lab, awayMs, signal, say } = stage;
  onEnd(() => startAgain(stage, ['postgres']));
  await stopInfrastructure(lab, ['postgres']);
  say(`PostgreSQL stopped for ${seconds(awayMs)}`);
  await pause(awayMs, signal);
  return [];
});

/** Starts those servers that do not run; harmless when all do. */
export async function startAgain(
  { lab, env, say }: DrillStage,
  names: readonly string[],
): Promise<void> {
  const { processes } = requireLab(lab.runDir);
  const missing = names.filter((name) => {
    const process = processes[name];
    return process === undefined || !isAlive(process);
  });
  if (missing.length === 0) return;
  await startInfrastructure(lab, missing, env);
  say(`${missing.join(', ')} started again`);
}
