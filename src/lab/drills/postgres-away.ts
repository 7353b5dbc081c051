import { stopInfrastructure } from '../infrastructure.js';
import { faultDrill } from './fault-drill.js';
import type { Drill } from './stage.js';
import { pause, seconds } from './stage.js';
import { startAgain } from './start-again.js';

/** PostgreSQL is stopped for a while; what everybody knows goes on being used. */
export const postgresAway: Drill = faultDrill(async (stage, onEnd) => {
  const { lab, awayMs, signal, say } = stage;
  onEnd(() => startAgain(stage, ['postgres']));
  await stopInfrastructure(lab, ['postgres']);
  say(`PostgreSQL stopped for ${seconds(awayMs)}`);
  await pause(awayMs, signal);
  return [];
});
