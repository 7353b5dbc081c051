import { CarnaError } from '../../util/errors.js';
import { otherLabs } from '../data-centres.js';
import { readFigures } from '../figures.js';
import { isAlive } from '../parts/daemon.js';
import { kamailiosOf } from '../plan.js';
import { requireLab } from '../state.js';
import { ListWatch } from './list-watch.js';
import { secondPass } from './second-pass.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { BACK_TIMEOUT_MS, seconds, untilFound, wallMs } from './stage.js';
import { tableFaults, wholeTable } from './whole-table.js';

const POLL_MS = 100;

/**
 * Plays a drill and finds out what must hold whatever it broke: while it lasts no list of a Kamailio is
 * without a destination for calls (nor changes at all, where nothing is asked for); afterwards every daemon
 * lives and is connected, lists and table are what the nodes want, and one more pass changes nothing.
 */
export async function playWithAftermath(drill: Drill, stage: DrillStage): Promise<Judge> {
  const { mayChange = 'anything', unwatched = () => [] } = drill.lists ?? {};
  const watch = await ListWatch.begin(stage.lab, { mayChange, unwatched: unwatched(stage.lab) });
  try {
    const judge = await drill.act(stage);
    const after = await aftermath(stage);
    await watch.stop();
    return (report) => [...judge(report), ...watch.findings(), ...after];
  } finally {
    await watch.stop();
  }
}

async function aftermath(stage: DrillStage): Promise<readonly Finding[]> {
  return [
    await connectedAgain(stage),
    await tableFinding(stage),
    await listsFinding(stage),
    await secondPass(stage),
    alive(stage),
  ];
}

/** Every agent and reconciler says that it has a session: nobody still holds an old picture. */
async function connectedAgain({ lab, signal }: DrillStage): Promise<Finding> {
  const daemons = [...lab.plan.reconcilers, ...lab.plan.nodes];
  const find = async (): Promise<readonly string[]> => {
    const asked = daemons.map(async ({ name, http }) =>
      (await readFigures(http))?.get('carna_registry_connected') === 1 ? [] : [name],
    );
    return (await Promise.all(asked)).flat();
  };
  const good = `all ${daemons.length}`;
  return untilNone('every daemon is connected to ZooKeeper', good, find, signal);
}

async function tableFinding({ lab, platform, signal }: DrillStage): Promise<Finding> {
  const others = otherLabs(lab).map(({ plan }) => plan);
  const wanted = wholeTable(lab.plan, others);
  const find = async (): Promise<readonly string[]> =>
    tableFaults(wanted, await platform.rowVersions());
  return untilNone('the table is what the nodes want', `${wanted.size} rows`, find, signal);
}

async function listsFinding({ lab, platform, signal }: DrillStage): Promise<Finding> {
  const kamailios = kamailiosOf(lab.plan);
  const find = async (): Promise<readonly string[]> => {
    const faults = await Promise.all(kamailios.map((node) => platform.listFaults(node)));
    return faults.flatMap((found, n) => found.map((one) => `${kamailios[n]?.name}: ${one}`));
  };
  return untilNone('every live list is the table', `${kamailios.length} lists`, find, signal);
}

/** Until `find` finds no fault; a server that does not answer is a fault too. */
async function untilNone(
  what: string,
  good: string,
  find: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<Finding> {
  const startMs = wallMs();
  let faults: readonly string[] = [];
  const isWhole = async (): Promise<true | null> => {
    faults = await find().catch((err: unknown) => {
      if (err instanceof CarnaError) return [err.message];
      throw err;
    });
    return faults.length === 0 ? true : null;
  };
  const isGood = (await untilFound(isWhole, BACK_TIMEOUT_MS, POLL_MS, signal)) !== null;
  const seen = isGood
    ? `${good}, after ${seconds(wallMs() - startMs)}`
    : `NOT: ${faults.join('; ')}`;
  return { what, isGood, seen };
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
