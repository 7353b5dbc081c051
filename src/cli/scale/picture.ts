import type { MarathonApp } from '../../marathon/client/answers.js';
import type { Member, NodeWord } from '../../marathon/scale/member.js';
import { deriveMembers } from '../../marathon/scale/member.js';
import type { DispatcherRow } from '../../topology/dispatcher-row.js';
import { describeRow } from '../../topology/dispatcher-row.js';
import type { NodeRecord } from '../../topology/node.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { CarnaError, MarathonRefusedError, messageOf } from '../../util/errors.js';
import type { AgentHealth } from '../agent-health-codec.js';
import { deriveDrainProgress } from '../drain-progress.js';
import type { DrainProgress } from '../drain-progress.js';
import type { TopologyData } from '../operator-data.js';
import type { ScaleData, ScaleRun } from './run.js';
import type { Subject } from './teller.js';

/** The world at one look. */
export interface Picture {
  readonly app: MarathonApp | undefined;
  readonly members: readonly Member[];
  readonly topology: TopologyData;
  /** Null: PostgreSQL was not asked or does not answer. */
  readonly rows: readonly DispatcherRow[] | null;
  /** Of the nodes that are to drain, by nodeId. */
  readonly drains: ReadonlyMap<string, DrainProgress>;
  /** Nodes whose agents did not answer. */
  readonly unanswered: ReadonlySet<string>;
}

const ASKED_AT_ONCE = 16;

/**
 * Reads Marathon's app, the registry, the table and the agents of the app's nodes (with `only`, of these).
 * Throws what Marathon and the registry throw; an agent or PostgreSQL that is away only leaves gaps.
 */
export async function readPicture(
  run: Pick<ScaleRun, 'context' | 'data' | 'marathon'>,
  appId: string,
  signal: AbortSignal,
  only?: ReadonlySet<string>,
): Promise<Picture> {
  const { data, marathon, context } = run;
  const [app, rows] = await Promise.all([marathon.readApp(appId, signal), readRows(data)]);
  // After Marathon: who vanished there may still be seen here, never the other way round.
  const topology = await data.readTopology();
  const records = [...topology.nodes.values()].map(({ record }) => record);
  const mine = records.filter(
    ({ marathon: of, nodeId }) => of?.appId === appId && (only?.has(nodeId) ?? true),
  );
  const health = await readHealth(data, mine);
  const drains = new Map<string, DrainProgress>();
  const words = new Map<string, NodeWord>();
  const nowMs = context.clock.wallMs();
  for (const { nodeId } of mine) {
    const said = health.get(nodeId) ?? null;
    const drain = deriveDrainProgress(nodeId, topology, said, DEFAULT_WIRING, nowMs);
    if (topology.intents.has(nodeId)) drains.set(nodeId, drain);
    words.set(nodeId, { calls: said?.calls ?? null, isDrained: drain.step === 'drained' });
  }
  const { intents } = topology;
  const unsupervised = findUnsupervised(app, topology, rows);
  const around = {
    records: new Map(records.map((r) => [r.nodeId, r])),
    intents,
    words,
    unsupervised,
  };
  const members = app === undefined ? [] : deriveMembers(app, around);
  const asked = mine.filter(({ nodeId }) => !health.has(nodeId)).map(({ nodeId }) => nodeId);
  return { app, members, topology, rows, drains, unanswered: new Set(asked) };
}

/**
 * The same, and null when somebody does not answer just now, which is told. Throws what will not mend:
 * Marathon refused us.
 */
export async function tryPicture(
  run: ScaleRun,
  subject: Subject,
  signal: AbortSignal,
  only?: ReadonlySet<string>,
): Promise<Picture | null> {
  try {
    return await readPicture(run, subject.appId, signal, only);
  } catch (err) {
    if (!(err instanceof CarnaError) || err instanceof MarathonRefusedError) throw err;
    if (!signal.aborted) run.teller.step(subject, 'away', `${messageOf(err)}; asking again`);
    return null;
  }
}

async function readRows(data: Pick<ScaleData, 'readTable'>): Promise<Picture['rows']> {
  try {
    return await data.readTable();
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}

async function readHealth(
  data: Pick<ScaleData, 'readAgentHealth'>,
  records: readonly NodeRecord[],
): Promise<Map<string, AgentHealth>> {
  const found = new Map<string, AgentHealth>();
  const queue = records.values();
  const ask = async (): Promise<void> => {
    for (const { nodeId, agent } of queue) {
      if (agent.http === null) continue;
      try {
        const health = await data.readAgentHealth(agent.http);
        // Another node may have the address by now.
        if (health.nodeId === null || health.nodeId === nodeId) found.set(nodeId, health);
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
      }
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
  return found;
}

/**
 * Tasks without a znode of which nobody can tell that nothing is on them: they stand in the table (the row
 * of a dead node is deleted after a while), the witness has not found them silent, or the table is unknown.
 */
function findUnsupervised(
  app: MarathonApp | undefined,
  topology: TopologyData,
  rows: Picture['rows'],
): ReadonlySet<string> {
  const standing = new Set(rows?.map((row) => row.description));
  const witnessed = new Set(
    (topology.generation?.witnessed?.nodes ?? [])
      .filter(({ finding }) => finding !== 'silent')
      .map(({ nodeId }) => nodeId),
  );
  const hasBegun = (state: string): boolean => !['TASK_STAGING', 'TASK_STARTING'].includes(state);
  return new Set(
    (app?.tasks ?? [])
      .filter(({ id }) => !topology.nodes.has(id))
      .filter(
        ({ id, state }) =>
          witnessed.has(id) || (rows === null ? hasBegun(state) : standing.has(describeRow(id))),
      )
      .map(({ id }) => id),
  );
}
