import { DEFAULT_WIRING, setsListing } from '../../topology/wiring.js';
import { labDestination } from '../incident.js';
import type { ProcessIdentity } from '../parts/daemon.js';
import { isAlive } from '../parts/daemon.js';
import { serverOf } from '../server-pid.js';
import { readFiguresOf } from './daemon-figures.js';
import type { Shown } from './list-watch.js';
import { kamailiosOf, ListWatch, shownNow } from './list-watch.js';
import type { RowVersions } from './rows.js';
import { rowsUnchanged } from './rows.js';
import { appliedSoFar, secondPass } from './second-pass.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, seconds, SHORT_CALLS, untilFound, wholeAgain } from './stage.js';

/** Notes what ends a part of the fault; run in reverse order, also when the drill is interrupted. */
export type OnEnd = (undo: () => Promise<void>) => void;

/**
 * Breaks something and lets it be broken for a while; gives what only it can tell. Names each undoing to
 * `onEnd` before it breaks the thing.
 */
export type Fault = (stage: DrillStage, onEnd: OnEnd) => Promise<readonly Finding[]>;

export interface FaultOptions {
  readonly needs?: Drill['needs'];
  /** Something is asked for meanwhile that changes rows and lists, and is taken back. */
  readonly changesRows?: boolean;
}

const CONNECTED_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/** What a fault of the registry, the database or the network must leave as it was. */
interface Before {
  readonly rows: RowVersions;
  /** By Kamailio. */
  readonly lists: ReadonlyMap<string, Shown>;
  readonly processes: ReadonlyMap<string, ProcessIdentity>;
  readonly reloads: number;
}

/**
 * A fault around the platform, not in it: while it lasts and after it no row and no list changes, no process
 * ends, no call fails; afterwards everything is as it should be, and stays so.
 */
export function faultDrill(fault: Fault, options: FaultOptions = {}): Drill {
  const { needs, changesRows = false } = options;
  const act = (stage: DrillStage): Promise<Judge> => play(fault, stage, changesRows);
  return needs === undefined ? { ...SHORT_CALLS, act } : { ...SHORT_CALLS, needs, act };
}

async function play(fault: Fault, stage: DrillStage, changesRows: boolean): Promise<Judge> {
  const { platform, say } = stage;
  const before = await lookAt(stage);
  const watch = new ListWatch(stage, before.lists);
  const findings: Finding[] = [];
  try {
    findings.push(...(await undone(fault, stage)));
    findings.push(await wholeAgain(stage), await connectedAgain(stage));
    say('everything is connected again');
  } finally {
    findings.push(...(await watch.stop(changesRows)));
  }
  if (!changesRows) {
    findings.push(rowsUnchanged('no row changed', before.rows, await platform.rowVersions()));
  }
  findings.push(await reloadedNothing(stage, before), sameProcesses(stage, before));
  findings.push(await listsAreRight(stage), await secondPass(stage));
  return (report) => [noCallFailed(report), ...findings];
}

async function undone(fault: Fault, stage: DrillStage): Promise<readonly Finding[]> {
  const undos: (() => Promise<void>)[] = [];
  try {
    return await fault(stage, (undo) => undos.push(undo));
  } finally {
    await undoAll(undos.reverse());
  }
}

/** Each is tried, whatever becomes of those before it. Throws the first failure. */
async function undoAll(undos: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const undo of undos) await undo().catch((err: unknown) => failures.push(err));
  if (failures.length > 0) throw failures[0];
}

async function lookAt(stage: DrillStage): Promise<Before> {
  const { lab, platform } = stage;
  return {
    rows: await platform.rowVersions(),
    lists: await shownNow(stage),
    processes: daemonsAndServers(stage),
    reloads: (await appliedSoFar({ lab })).reloads,
  };
}

/** Agents, reconcilers and SIP servers, by what they are called. */
function daemonsAndServers({ lab }: DrillStage): ReadonlyMap<string, ProcessIdentity> {
  const found = new Map<string, ProcessIdentity>();
  const note = (what: string, process: ProcessIdentity | null | undefined): void => {
    if (process !== null && process !== undefined) found.set(what, process);
  };
  for (const { name } of lab.plan.reconcilers) note(name, lab.processes[name]);
  for (const node of lab.plan.nodes) {
    note(`${node.name}'s agent`, lab.processes[node.name]);
    note(`${node.name}'s server`, serverOf(lab.runDir, node));
  }
  return found;
}

/** Every agent and reconciler says that it has a session: nobody still holds an old picture. */
async function connectedAgain({ lab, signal }: DrillStage): Promise<Finding> {
  const what = 'every daemon is connected to ZooKeeper again';
  const daemons = [...lab.plan.reconcilers, ...lab.plan.nodes];
  const startMs = performance.now();
  let missing: readonly string[] = [];
  const look = async (): Promise<true | null> => {
    const asked = daemons.map(async ({ name, http }) =>
      (await readFiguresOf(http))?.get('carna_registry_connected') === 1 ? [] : [name],
    );
    missing = (await Promise.all(asked)).flat();
    return missing.length === 0 ? true : null;
  };
  const isGood = (await untilFound(look, CONNECTED_TIMEOUT_MS, POLL_MS, signal)) === true;
  const seen = isGood
    ? `all ${daemons.length} after ${seconds(performance.now() - startMs)} more`
    : `NOT connected: ${missing.join(', ')}`;
  return { what, isGood, seen };
}

async function reloadedNothing(stage: DrillStage, before: Before): Promise<Finding> {
  const count = (await appliedSoFar(stage)).reloads - before.reloads;
  return { what: 'no Kamailio reloaded', isGood: count === 0, seen: `${count} reloads` };
}

function sameProcesses(stage: DrillStage, before: Before): Finding {
  const now = daemonsAndServers(stage);
  const other = [...before.processes].filter(
    ([what, process]) => !isAlive(process) || now.get(what)?.pid !== process.pid,
  );
  return {
    what: 'no daemon and no SIP server ended',
    isGood: other.length === 0 && before.processes.size > 0,
    seen:
      other.length === 0
        ? `${before.processes.size} processes are the same`
        : `other or gone: ${other.map(([what]) => what).join(', ')}`,
  };
}

/** Every node stands in each set that lists its role, active, and every Kamailio shows the table. */
async function listsAreRight(stage: DrillStage): Promise<Finding> {
  const { lab, platform } = stage;
  const rows = await platform.rowVersions();
  const wanted = lab.plan.nodes.flatMap((node) =>
    setsListing(DEFAULT_WIRING, node.role).map((setid) => `${setid} ${labDestination(node)}`),
  );
  const faults = [
    ...wanted.filter((key) => !rows.has(key)).map((key) => `no row ${key}`),
    ...wanted
      .filter((key) => rows.get(key)?.endsWith(' 8') === false)
      .map((key) => `not active: ${key}`),
    ...[...rows.keys()].filter((key) => !wanted.includes(key)).map((key) => `too many: ${key}`),
  ];
  for (const node of kamailiosOf(stage)) {
    faults.push(...(await platform.listFaults(node)).map((text) => `${node.name}: ${text}`));
  }
  return {
    what: 'every list is the table, and the table what should be',
    isGood: faults.length === 0,
    seen: faults.length === 0 ? `${rows.size} rows, all active` : faults.join('; '),
  };
}
