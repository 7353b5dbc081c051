import { LabError } from '../../util/errors.js';
import { connectionsTo } from '../connections.js';
import { AGENT_ZK_SESSION_MS } from '../daemon-env.js';
import { freezePart, killPart, thawPart } from '../faults.js';
import { stopInfrastructure, zookeeperNames } from '../infrastructure.js';
import { wipeZookeeper, zookeeperMode } from '../parts/zookeeper.js';
import type { LabZookeeper } from '../plan.js';
import type { LabState } from '../state.js';
import { partDir } from '../state.js';
import type { Fault, OnEnd } from './fault-drill.js';
import { faultDrill } from './fault-drill.js';
import type { Drill, DrillStage, Finding } from './stage.js';
import { pause, seconds, untilFound } from './stage.js';
import { startAgain } from './start-again.js';
import { leaveWord } from './word.js';

/** Sessions end a tick or two after their time-out. */
const BEYOND_SESSION_MS = AGENT_ZK_SESSION_MS + 2_000;
const MODE_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const MIN_ENSEMBLE = 3;
/** No node has this name. */
const WORD = 'drill-mark';

/** kill -9 of every server at once; they start again on their data. */
export const zookeeperKilled: Drill = faultDrill(async (stage, onEnd) => {
  const names = zookeeperNames(stage.lab.plan);
  kill(stage, onEnd, names);
  await pause(stage.awayMs, stage.signal);
  return [];
});

/** Stopped, wiped, started empty: everybody registers anew although the old sessions are unknown. */
export const zookeeperEmptied: Drill = faultDrill(async (stage, onEnd) => {
  const { lab, platform, awayMs, signal, say } = stage;
  const names = zookeeperNames(lab.plan);
  const before = incarnations(stage);
  onEnd(async () => {
    if (platform.registry.state === 'connected') await platform.registry.removeIntent(WORD);
  });
  await leaveWord(stage, WORD);
  onEnd(() => startAgain(stage, names));
  await stopInfrastructure(lab, names);
  for (const name of names) wipeZookeeper(partDir(lab.runDir, name));
  say(`${names.join(', ')} stopped and wiped for ${seconds(awayMs)}`);
  await pause(awayMs, signal);
  await startAgain(stage, names);
  const anew = await registeredAnew(stage, before);
  const isGone = !platform.view.intents().records.has(WORD);
  return [
    {
      what: 'the registry is empty when it returns',
      isGood: isGone,
      seen: `an operator's word from before is ${isGone ? 'gone' : 'STILL there'}`,
    },
    anew,
  ];
});

/** SIGSTOP of every server for longer than any session lasts. */
export const zookeeperFrozen: Drill = faultDrill(async (stage, onEnd) => {
  const { lab, signal } = stage;
  const frozenMs = Math.max(stage.awayMs, BEYOND_SESSION_MS);
  for (const name of zookeeperNames(lab.plan)) freeze(stage, onEnd, name);
  await pause(frozenMs, signal);
  return [];
});

export const ensembleLeaderKilled: Drill = ensembleDrill(async (stage, onEnd) => {
  const { leader } = await partsOf(stage.lab);
  kill(stage, onEnd, [leader.name]);
  const startMs = performance.now();
  const next = await untilFound(
    async () => (await find(stage.lab, 'leader'))[0] ?? null,
    MODE_TIMEOUT_MS,
    POLL_MS,
    stage.signal,
  );
  const tookMs = performance.now() - startMs;
  await pause(stage.awayMs, stage.signal);
  return [
    {
      what: 'the other servers have a leader',
      isGood: next !== null,
      seen: next === null ? 'they have NONE' : `${next.name} after ${seconds(tookMs)}`,
    },
  ];
});

export const ensembleQuorumLost: Drill = ensembleDrill(async (stage, onEnd) => {
  const { leader, followers } = await partsOf(stage.lab);
  const all = [leader, ...followers].map(({ name }) => name);
  const lost = all.slice(0, Math.ceil(all.length / 2));
  kill(stage, onEnd, lost);
  await pause(stage.awayMs, stage.signal);
  const serving = [...(await find(stage.lab, 'leader')), ...(await find(stage.lab, 'follower'))];
  return [
    {
      what: 'the rest of the ensemble serves nobody meanwhile',
      isGood: serving.length === 0,
      seen: `${all.length - lost.length} of ${all.length} ran, ${serving.length} served`,
    },
  ];
});

/** The follower with the most daemons on it hangs: they find that out and go to another, keeping their sessions. */
export const ensembleFollowerFrozen: Drill = ensembleDrill(async (stage, onEnd) => {
  const { lab, signal } = stage;
  const { followers } = await partsOf(lab);
  const [victim] = [...followers].sort((a, b) => clientsOf(lab, b) - clientsOf(lab, a));
  if (victim === undefined) throw new LabError('the ensemble has no follower');
  const clients = clientsOf(lab, victim);
  const before = incarnations(stage);
  freeze(stage, onEnd, victim.name);
  const startMs = performance.now();
  const isLeft = (): true | null => (clientsOf(lab, victim) === 0 ? true : null);
  const isDone = await untilFound(isLeft, MODE_TIMEOUT_MS, POLL_MS, signal);
  const leftMs = performance.now() - startMs;
  await pause(Math.max(stage.awayMs, BEYOND_SESSION_MS) - leftMs, signal);
  const gone = [...before].filter(([name, czxid]) => incarnations(stage).get(name) !== czxid);
  return [
    {
      what: 'its clients go to another server',
      isGood: isDone === true,
      seen: isDone === true ? `${clients} clients after ${seconds(leftMs)}` : 'some did NOT',
    },
    {
      what: 'and keep their znodes',
      isGood: gone.length === 0,
      seen:
        gone.length === 0
          ? `all ${before.size}`
          : `registered anew: ${gone.map(([n]) => n).join(', ')}`,
    },
  ];
});

function ensembleDrill(fault: Fault): Drill {
  return faultDrill(fault, {
    needs: ({ plan }) =>
      Promise.resolve(plan.zookeepers.length >= MIN_ENSEMBLE ? null : '--zookeepers 3'),
  });
}

function kill(stage: DrillStage, onEnd: OnEnd, names: readonly string[]): void {
  onEnd(() => startAgain(stage, names));
  for (const name of names) killPart(stage.lab, { name, agent: false });
  stage.say(`${names.join(', ')} killed for ${seconds(stage.awayMs)}`);
}

function freeze({ lab, say }: DrillStage, onEnd: OnEnd, name: string): void {
  onEnd(() => {
    thawPart(lab, { name, agent: false });
    say(`${name} goes on`);
    return Promise.resolve();
  });
  freezePart(lab, { name, agent: false });
  say(`${name} frozen`);
}

/** Who says what of itself now. */
async function find(lab: LabState, mode: 'leader' | 'follower'): Promise<readonly LabZookeeper[]> {
  const asked = lab.plan.zookeepers.map(async (server) => {
    const { host, port } = server.client;
    return (await zookeeperMode(host, port)) === mode ? [server] : [];
  });
  return (await Promise.all(asked)).flat();
}

async function partsOf(
  lab: LabState,
): Promise<{ readonly leader: LabZookeeper; readonly followers: readonly LabZookeeper[] }> {
  const [[leader], followers] = await Promise.all([find(lab, 'leader'), find(lab, 'follower')]);
  const isWhole = followers.length === lab.plan.zookeepers.length - 1;
  if (leader === undefined || !isWhole) {
    throw new LabError('the ensemble is not whole; see: carna lab status');
  }
  return { leader, followers };
}

/** Daemons of the lab with a connection to this server. */
function clientsOf({ plan, processes }: LabState, { client }: LabZookeeper): number {
  return [...plan.nodes, ...plan.reconcilers].filter(({ name }) => {
    const process = processes[name];
    return process !== undefined && connectionsTo(process.pid, client).length > 0;
  }).length;
}

/** Node → the incarnation of its znode: the same as long as the znode stands. */
function incarnations({ platform }: DrillStage): ReadonlyMap<string, string> {
  const { nodes } = platform.view.nodes();
  return new Map([...nodes].map(([id, { incarnation }]) => [id, incarnation] as const));
}

/** An emptied registry knows nobody's znode: each must be another one. */
async function registeredAnew(
  stage: DrillStage,
  before: ReadonlyMap<string, string>,
): Promise<Finding> {
  const startMs = performance.now();
  const missing = (): string[] => {
    const now = incarnations(stage);
    return [...before].filter(([id, old]) => !now.has(id) || now.get(id) === old).map(([id]) => id);
  };
  const isDone = await untilFound(
    () => (missing().length === 0 ? true : null),
    2 * BEYOND_SESSION_MS + MODE_TIMEOUT_MS,
    POLL_MS,
    stage.signal,
  );
  return {
    what: 'every node registers anew by itself',
    isGood: isDone === true,
    seen:
      isDone === true
        ? `${before.size} nodes after ${seconds(performance.now() - startMs)}`
        : `NOT: ${missing().join(', ')}`,
  };
}
