import { killPart } from '../faults.js';
import { hungUpIn, onlyBeingSetUp } from './setups.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { BACK_TIMEOUT_MS, oneOf, pause, seconds, wallMs, wholeAgain } from './stage.js';

const CALL_MS = 3_000;

/** kill -9 of a load-balancer, which comes back on its address: established calls go on and can hang up. */
export const loadBalancerKilled: Drill = {
  callMs: CALL_MS,
  leadMs: CALL_MS,
  load: 'users',
  act,
};

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const node = oneOf(lab, 'load-balancer');
  const oldInstance = platform.instanceOf(node.name);
  const { atMs } = killPart(lab, { name: node.name, agent: false });
  say(`${node.name} killed`);
  await platform.untilUpAgain(node.name, oldInstance, BACK_TIMEOUT_MS, signal);
  const outage = { fromMs: atMs, untilMs: wallMs() };
  await pause(CALL_MS, signal); // Every call that stood then hangs up in this time.
  const after = { fromMs: atMs, untilMs: wallMs() };
  const whole = await wholeAgain(stage);
  return (report) => [
    onlyBeingSetUp(report, [outage]),
    {
      what: 'calls that stood then hang up through the new process',
      isGood: hungUpIn(report, after) > 0,
      seen: `${hungUpIn(report, after)} hung up within ${seconds(after.untilMs - atMs)}`,
    },
    whole,
  ];
}
