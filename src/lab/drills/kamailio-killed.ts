import { DEFAULT_WIRING, setsRoutedBy } from '../../topology/wiring.js';
import { killPart } from '../faults.js';
import { onlyStoodOnIt } from './routings.js';
import { readRoutings } from '../routed.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { addressOf, BACK_TIMEOUT_MS, oneOf, seconds, SHORT_CALLS, wholeAgain } from './stage.js';

/** kill -9 of a dispatcher's Kamailio: a killed proxy takes along the transactions that it held, nothing else. */
export const kamailioKilled: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const node = oneOf(lab, 'dispatcher');
  const oldInstance = platform.instanceOf(node.name);
  const { atMs } = killPart(lab, { name: node.name, agent: false });
  say(`${node.name}'s Kamailio killed`);
  const startMs = performance.now();
  await platform.untilUpAgain(node.name, oldInstance, BACK_TIMEOUT_MS, signal);
  const upMs = performance.now() - startMs;
  // Asked right after the publication: the list had to be right before it.
  const drift = await platform.listFaults(node, setsRoutedBy(DEFAULT_WIRING, node.role));
  const list = {
    what: 'its list is right when it is published as up',
    isGood: drift.length === 0,
    seen: drift.length === 0 ? `up after ${seconds(upMs)}` : drift.join('; '),
  };
  const whole = await wholeAgain(stage);
  return (report) => [
    onlyStoodOnIt(report, [{ node: addressOf(node), atMs }], [readRoutings(lab, 'load-balancer')]),
    list,
    whole,
  ];
}
