import type { Loss } from '../dropped-packets.js';
import { droppedSoFar, dropPackets, passPackets } from '../dropped-packets.js';
import type { OnEnd } from './fault-drill.js';
import type { DrillStage, Finding } from './stage.js';
import { seconds } from './stage.js';

/** Begins to lose packets; `whose` and `lossMs` are for people. Ends with the drill, if not before by passAgain. */
export async function lose(
  { lab, say }: DrillStage,
  onEnd: OnEnd,
  whose: string,
  losses: readonly Loss[],
  lossMs: number,
): Promise<void> {
  onEnd(() => passPackets(lab.plan));
  await dropPackets(lab.plan, losses);
  say(`packets of ${whose} are lost for ${seconds(lossMs)}`);
}

/** Ends the loss and tells how much was lost: without any the drill has shown nothing. */
export async function passAgain({ lab, say }: DrillStage, whose: string): Promise<Finding> {
  const packets = await droppedSoFar(lab.plan);
  await passPackets(lab.plan);
  say(`packets of ${whose} pass again`);
  return {
    what: `packets of ${whose} were lost without a word`,
    isGood: packets > 0,
    seen: `${packets} packets`,
  };
}
