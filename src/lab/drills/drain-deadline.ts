import { callsOnAt } from './routings.js';
import { askDrain, takeBack, untilEmpty } from './drain-round.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { addressOf, noCallFailed, oneOf, seconds, wallMs, wholeAgain } from './stage.js';

const CALL_MS = 25_000;
const LEAD_MS = 4_000;
const DEADLINE_MS = 8_000;
/** How late, or early, a drain may end. */
const TOLERANCE_MS = 1_000;
const TIMEOUT_MS = DEADLINE_MS + 15_000;

/**
 * A drain whose calls all outlive its deadline. It ends at the deadline and says how many are left; they
 * are not cut by it, since a drain by an operator keeps the server.
 */
export const drainDeadline: Drill = { callMs: CALL_MS, leadMs: LEAD_MS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, say } = stage;
  const node = oneOf(lab, 'media');
  const deadlineAtMs = wallMs() + DEADLINE_MS;
  const askedAtMs = await askDrain(stage, node, deadlineAtMs);
  say(`${node.name}: drain asked with a deadline in ${seconds(DEADLINE_MS)}`);
  let end: Awaited<ReturnType<typeof untilEmpty>>;
  let reason: string;
  try {
    end = await untilEmpty(stage, node, TIMEOUT_MS);
    reason = platform.view.nodes().nodes.get(node.name)?.record.reason ?? 'nothing';
  } finally {
    await takeBack(stage, node);
  }
  const { atMs, left } = end;
  say(`${node.name}: stopped waiting with ${left ?? 'an unknown number of'} calls left`);
  const whole = await wholeAgain(stage);
  return (report) => {
    const offMs = atMs === null ? Number.POSITIVE_INFINITY : atMs - deadlineAtMs;
    const onIt = callsOnAt(report.calls, addressOf(node), atMs ?? deadlineAtMs);
    const wereOnIt = callsOnAt(report.calls, addressOf(node), askedAtMs);
    return [
      {
        what: `the drain ends at its deadline, give or take ${seconds(TOLERANCE_MS)}`,
        isGood: offMs >= -TOLERANCE_MS && offMs <= TOLERANCE_MS,
        seen: atMs === null ? 'it did not end' : `${seconds(offMs)} after the deadline`,
      },
      {
        what: 'it says how many calls are left',
        isGood: left !== null && left === onIt && onIt > 0,
        seen: `${left ?? 'nothing'} said, ${onIt} by the caller (${wereOnIt} when asked); published: "${reason}"`,
      },
      noCallFailed(report),
      whole,
    ];
  };
}
