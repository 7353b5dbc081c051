import { LabError } from '../../util/errors.js';
import { killPart } from '../faults.js';
import { signalDaemon } from '../parts/daemon.js';
import { kamailiosOf } from '../plan.js';
import { restartAgent } from '../restart.js';
import { serverOf } from '../server-pid.js';
import type { LabState } from '../state.js';
import { hungUpIn, onlyBeingSetUp } from './setups.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { BACK_TIMEOUT_MS, nodesOf, pause, seconds, wallMs, wholeAgain } from './stage.js';

const CALL_MS = 3_000;
/** Longer than a call: every call that stands when they are killed hangs up without them. */
const AWAY_MS = CALL_MS + 2_000;

/** Until the load-balancers' own pings have found them back. */
const PINGED_MS = 2_500;

/** kill -9 of all dispatchers with their agents: no new call is possible, every established one can hang up. */
export const dispatchersLost: Drill = {
  callMs: CALL_MS,
  leadMs: CALL_MS,
  load: 'users',
  phonesMayFail: true,
  // Every list has the set of dispatchers, in which nobody takes calls then.
  lists: { unwatched: ({ plan }) => kamailiosOf(plan).map(({ name }) => name) },
  act,
};

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const dispatchers = nodesOf(lab, 'dispatcher');
  const old = new Map(dispatchers.map(({ name }) => [name, platform.instanceOf(name)]));
  let state: LabState = lab;
  const fromMs = wallMs();
  try {
    for (const { name } of dispatchers) killPart(lab, { name, agent: true });
    for (const node of dispatchers) {
      const server = serverOf(lab.runDir, node);
      // With all its workers, which would serve on without their parent.
      if (server === null || !signalDaemon(server, 'SIGKILL', true)) {
        throw new LabError(`${node.name}'s server is not running`);
      }
    }
    say(`all ${dispatchers.length} dispatchers killed, with their agents`);
    await pause(AWAY_MS, signal);
  } finally {
    for (const node of dispatchers) state = await restartAgent(state, node, env);
  }
  const gone = { fromMs, untilMs: fromMs + AWAY_MS };
  for (const [name, instance] of old) {
    await platform.untilUpAgain(name, instance, BACK_TIMEOUT_MS, signal);
  }
  const whole = await wholeAgain({ ...stage, lab: state });
  await pause(PINGED_MS, signal);
  const outage = { fromMs, untilMs: wallMs() };
  return (report) => [
    onlyBeingSetUp(report, [outage]),
    {
      what: 'calls that stood then hang up while no dispatcher is there',
      isGood: hungUpIn(report, gone) > 0,
      seen: `${hungUpIn(report, gone)} hung up within ${seconds(AWAY_MS)}`,
    },
    whole,
  ];
}
