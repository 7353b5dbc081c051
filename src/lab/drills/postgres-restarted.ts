import { startInfrastructure, stopInfrastructure } from '../infrastructure.js';
import type { LabState } from '../state.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { noCallFailed, oneOf, pause, seconds, SHORT_CALLS, wallMs, wholeAgain } from './stage.js';
import { WantedChanges } from './wanted-changes.js';

const RESTARTS = 3;
/** Changes go through in between. */
const BETWEEN_MS = 2_000;

/** Fast restarts of PostgreSQL while changes are wanted all the time: each is made in the end, none is made twice. */
export const postgresRestarted: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const generation = (): number => platform.view.generation().record?.generation ?? 0;
  const before = generation();
  const changes = new WantedChanges(stage, oneOf(lab, 'media'));
  const awayMs: number[] = [];
  let state: LabState = lab;
  try {
    for (let n = 1; n <= RESTARTS; n++) {
      await pause(BETWEEN_MS, signal);
      const startMs = wallMs();
      await stopInfrastructure(state, ['postgres']);
      state = await startInfrastructure(state, ['postgres'], env);
      awayMs.push(wallMs() - startMs);
      say(`PostgreSQL restarted, ${n} of ${RESTARTS}: away for ${seconds(wallMs() - startMs)}`);
    }
    await pause(BETWEEN_MS, signal);
  } finally {
    await changes.stop();
  }
  const whole = await wholeAgain(stage);
  const made = generation() - before;
  return (report) => [
    noCallFailed(report),
    {
      what: 'the changes that are wanted meanwhile are made',
      isGood: made > 0 && made <= changes.asked * COMMITS_PER_CHANGE,
      seen: `${changes.asked} asked, ${made} generations; away for ${awayMs.map(seconds).join(', ')}`,
    },
    whole,
  ];
}

/** An intent takes the row out of use or back at once; what its agent then publishes may be one more. */
const COMMITS_PER_CHANGE = 2;
