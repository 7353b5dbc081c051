import type { Role } from '../../topology/node.js';
import { killPart } from '../faults.js';
import type { Outage } from './setups.js';
import { onlyBeingSetUp } from './setups.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { BACK_TIMEOUT_MS, oneOf, pause, SHORT_CALLS, wholeAgain } from './stage.js';

/** Whose nodes carry transactions only: no established call passes through them. */
const PROXIES: readonly Role[] = ['dispatcher', 'registrar', 'outbound'];
/** Calls between two kills, which show what each has left behind. */
const BETWEEN_MS = 2_000;

/** kill -9 of one dispatcher, one registrar and one outbound node, in turn, while users call users. */
export const proxiesKilled: Drill = { ...SHORT_CALLS, load: 'users', act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const outages: Outage[] = [];
  for (const role of PROXIES) {
    const node = oneOf(lab, role);
    const oldInstance = platform.instanceOf(node.name);
    const { atMs } = killPart(lab, { name: node.name, agent: false });
    outages.push({ fromMs: atMs, untilMs: atMs });
    say(`${node.name} killed`);
    await platform.untilUpAgain(node.name, oldInstance, BACK_TIMEOUT_MS, signal);
    await pause(BETWEEN_MS, signal);
  }
  const whole = await wholeAgain(stage);
  return (report) => [onlyBeingSetUp(report, outages), whole];
}
