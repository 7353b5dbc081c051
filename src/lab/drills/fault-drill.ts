import { appliedSoFar } from './second-pass.js';
import { rowsUnchanged } from './rows.js';
import { serversOf, serversUnchanged } from './servers.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, SHORT_CALLS, wholeAgain } from './stage.js';

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
  /** What is demanded of the lists instead. */
  readonly lists?: Drill['lists'];
}

/**
 * A fault around the platform, not in it: while it lasts and after it no row and no list changes, no process
 * ends, no call fails.
 */
export function faultDrill(fault: Fault, options: FaultOptions = {}): Drill {
  const { needs, changesRows = false } = options;
  const usual = { mayChange: changesRows ? 'anything' : 'nothing' } as const;
  return {
    ...SHORT_CALLS,
    ...(needs === undefined ? {} : { needs }),
    lists: options.lists ?? usual,
    act: (stage) => play(fault, stage, changesRows),
  };
}

async function play(fault: Fault, stage: DrillStage, changesRows: boolean): Promise<Judge> {
  const { lab, platform, say } = stage;
  const rows = await platform.rowVersions();
  const servers = serversOf(lab, lab.plan.nodes);
  const reloads = (await appliedSoFar(lab))?.reloads;
  const findings = [...(await undone(fault, stage)), await wholeAgain(stage)];
  say('everything is back');
  if (!changesRows) {
    findings.push(rowsUnchanged('no row changed', rows, await platform.rowVersions()));
  }
  findings.push(reloadedNothing(reloads, (await appliedSoFar(lab))?.reloads));
  findings.push(serversUnchanged('no SIP server ended', lab, servers));
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

function reloadedNothing(before: number | undefined, after: number | undefined): Finding {
  const what = 'no Kamailio reloaded';
  if (before === undefined || after === undefined) {
    return { what, isGood: false, seen: 'some agent does NOT answer' };
  }
  return { what, isGood: after === before, seen: `${after - before} reloads` };
}
