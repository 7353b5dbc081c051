import { destinationUri } from '../../topology/node.js';
import { DEFAULT_WIRING, setsListing } from '../../topology/wiring.js';
import { CarnaError } from '../../util/errors.js';
import { isAlive } from '../parts/daemon.js';
import type { LabPlan } from '../plan.js';
import { requireLab } from '../state.js';
import { readLeading, readMetric } from './daemon-health.js';
import { NeverEmptyWatch } from './never-empty.js';
import type { RowVersions } from './rows.js';
import { sameRows } from './rows.js';
import type { Drill, DrillStage, Finding } from './stage.js';
import { BACK_TIMEOUT_MS, pause, seconds, untilFound, wallMs } from './stage.js';

const POLL_MS = 100;
/** A commit, a reload and its gap fit in several times. */
const QUIET_MS = 3_000;
const PASS_TIMEOUT_MS = 5_000;
/** No node of a lab has this name: an intent for it makes the leader look at everything again. */
const NOBODY = 'drill-nobody';

/**
 * A drill that ends with what must hold after every fault: lists and table are what the nodes want, one
 * more pass changes nothing, no daemon is missing; and no list was ever without a destination meanwhile.
 */
export function withAftermath(drill: Drill): Drill {
  return {
    ...drill,
    act: async (stage) => {
      const watch = new NeverEmptyWatch(stage.lab);
      try {
        const judge = await drill.act(stage);
        const after = await aftermath(stage);
        await watch.stop();
        return (report) => [...judge(report), watch.finding(), ...after];
      } finally {
        await watch.stop();
      }
    },
  };
}

async function aftermath(stage: DrillStage): Promise<readonly Finding[]> {
  return [
    await tableFinding(stage),
    await listsFinding(stage),
    await secondPass(stage),
    alive(stage),
  ];
}

/** "setid destination" of every row that a whole lab has, each with flags 8. Pure. */
export function wholeTable(plan: LabPlan): ReadonlySet<string> {
  return new Set(
    plan.nodes.flatMap((node) => {
      const destination = destinationUri({ transport: 'udp', ...node.sip });
      return setsListing(DEFAULT_WIRING, node.role).map((setid) => `${setid} ${destination}`);
    }),
  );
}

/** Where a table is not that of a whole lab. Pure. */
export function tableFaults(wanted: ReadonlySet<string>, rows: RowVersions): readonly string[] {
  const flagsOf = (key: string): string => rows.get(key)?.split(' ').at(-1) ?? 'none';
  const wrong = [...wanted].filter((key) => flagsOf(key) !== ACTIVE);
  const extra = [...rows.keys()].filter((key) => !wanted.has(key));
  return [
    ...wrong.map((key) => `${key}: flags ${flagsOf(key)}`),
    ...extra.map((key) => `${key}: belongs to no node`),
  ];
}

const ACTIVE = '8';

async function tableFinding({ lab, platform, signal }: DrillStage): Promise<Finding> {
  const wanted = wholeTable(lab.plan);
  const find = async (): Promise<readonly string[]> =>
    tableFaults(wanted, await platform.rowVersions());
  return untilNone('the table is what the nodes want', `${wanted.size} rows`, find, signal);
}

async function listsFinding({ lab, platform, signal }: DrillStage): Promise<Finding> {
  const kamailios = lab.plan.nodes.filter((node) => node.kind === 'kamailio');
  const find = async (): Promise<readonly string[]> => {
    try {
      const faults = await Promise.all(kamailios.map((node) => platform.listFaults(node)));
      return faults.flatMap((found, n) => found.map((one) => `${kamailios[n]?.name}: ${one}`));
    } catch (err) {
      if (err instanceof CarnaError) return [err.message];
      throw err;
    }
  };
  return untilNone('every live list is the table', `${kamailios.length} lists`, find, signal);
}

async function untilNone(
  what: string,
  good: string,
  find: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<Finding> {
  const startMs = wallMs();
  let faults: readonly string[] = [];
  const isWhole = async (): Promise<true | null> => {
    faults = await find();
    return faults.length === 0 ? true : null;
  };
  const isGood = (await untilFound(isWhole, BACK_TIMEOUT_MS, POLL_MS, signal)) !== null;
  const seen = isGood ? `${good}, after ${seconds(wallMs() - startMs)}` : faults.join('; ');
  return { what, isGood, seen };
}

interface Written {
  readonly passes: number;
  readonly rowsChanged: number;
  readonly reloads: number;
  readonly rows: RowVersions;
}

/** With no further change one more pass writes no row and no Kamailio reloads. */
async function secondPass(stage: DrillStage): Promise<Finding> {
  const { platform, signal } = stage;
  const what = 'one more pass writes nothing and reloads nothing';
  const before = await untilFound(() => written(stage), BACK_TIMEOUT_MS, POLL_MS, signal);
  if (before === null) return { what, isGood: false, seen: 'no leader answers' };
  await ringLeader(stage);
  const passed = async (): Promise<true | null> =>
    ((await written(stage))?.passes ?? 0) > before.passes ? true : null;
  await untilFound(passed, PASS_TIMEOUT_MS, POLL_MS, signal);
  await platform.registry.removeIntent(NOBODY);
  await pause(QUIET_MS, signal);
  const after = await written(stage);
  if (after === null) return { what, isGood: false, seen: 'the leader answers no more' };
  const [passes, changed, reloads] = [
    after.passes - before.passes,
    after.rowsChanged - before.rowsChanged,
    after.reloads - before.reloads,
  ];
  const isSame = sameRows(before.rows, after.rows);
  return {
    what,
    isGood: passes > 0 && changed === 0 && reloads === 0 && isSame,
    seen: `${passes} passes, ${changed} rows written, ${reloads} reloads${isSame ? '' : ', the table CHANGED'}`,
  };
}

async function ringLeader({ platform }: DrillStage): Promise<void> {
  const want = { schema: 1, nodeId: NOBODY, want: 'drain', by: 'drill', why: 'a drill' } as const;
  await platform.registry.writeIntent({ ...want, since: wallMs(), deadline: null, now: false });
}

async function written({ lab, platform }: DrillStage): Promise<Written | null> {
  const kamailios = lab.plan.nodes.filter((node) => node.kind === 'kamailio');
  const reloads = await Promise.all(
    kamailios.map(({ http }) => readMetric(http, 'carna_agent_reloads_total')),
  );
  const leading = await readLeading(lab, platform);
  if (leading === null || reloads.includes(null)) return null;
  const { passes, rowsChanged } = leading.counters;
  const sum = reloads.reduce<number>((all, one) => all + (one ?? 0), 0);
  return { passes, rowsChanged, reloads: sum, rows: await platform.rowVersions() };
}

/** Whatever the drill killed it has started again and written down; anything else that is gone has crashed. */
function alive({ lab }: DrillStage): Finding {
  const processes = Object.entries(requireLab(lab.runDir).processes);
  const gone = processes.filter(([, process]) => !isAlive(process)).map(([name]) => name);
  return {
    what: 'no daemon has crashed',
    isGood: gone.length === 0,
    seen: gone.length === 0 ? `${processes.length} run` : `GONE: ${gone.join(', ')}`,
  };
}
