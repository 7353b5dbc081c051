import { startInfrastructure } from '../infrastructure.js';
import { isAlive } from '../parts/daemon.js';
import { requireLab } from '../state.js';
import type { DrillStage } from './stage.js';

/** Starts those servers of ZooKeeper and PostgreSQL that do not run; harmless when all do. */
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
