import { destinationUri } from '../../topology/node.js';
import { DeadlineError, LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { CallOptions } from '../calls/calls.js';
import type { CallReport } from '../calls/report.js';
import type { LabNode } from '../plan.js';
import type { Platform } from '../platform.js';
import type { LabState } from '../state.js';
import type { MayChange } from './list-watch.js';
import type { LoadKind } from './load.js';

export interface DrillOptions {
  /** How long a part stays away, where a drill takes one away. */
  readonly awayMs: number;
  /** How often each node is drained, where a drill drains. */
  readonly rounds: number;
  readonly callsPerSecond: number;
  /** Users call users, instead of the load of a trunk. */
  readonly users: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** One line of progress. */
  readonly say: (line: string) => void;
}

/** What a drill plays on: a lab with calls going through it. */
export interface DrillStage extends DrillOptions {
  readonly lab: LabState;
  readonly platform: Platform;
}

/** One thing that had to hold. */
export interface Finding {
  readonly what: string;
  readonly isGood: boolean;
  readonly seen: string;
}

/** Judges what only the callers know, when all calls have ended. */
export type Judge = (report: CallReport) => readonly Finding[];

export interface ListDemand {
  readonly mayChange?: MayChange;
  /** Names of Kamailios whose lists say nothing, since the drill keeps them from knowing anything. */
  readonly unwatched?: (lab: LabState) => readonly string[];
}

export interface Drill {
  /** Who calls; without it whoever the options say. */
  readonly load?: LoadKind;
  /** Nothing is demanded of registrations meanwhile: there is no way for them. */
  readonly phonesMayFail?: true;
  /** How long the calls of this drill last. */
  readonly callMs: CallOptions['callMs'];
  /** What this lab or machine lacks for the drill, in a few words ("--zookeepers 3"); null = nothing. */
  readonly needs?: (lab: LabState) => Promise<string | null>;
  /** What is demanded of the live lists meanwhile; without it each set must have a destination for calls. */
  readonly lists?: ListDemand;
  /** How long calls go on before the act begins, so that there are some everywhere. */
  readonly leadMs: number;
  /** Throws only when the drill itself could not be done. Undoes what it did, also when it is interrupted. */
  readonly act: (stage: DrillStage) => Promise<Judge>;
}

/** Longest time until everything is back by itself: one zkSession of the lab's agents, and the machine's slowness. */
export const BACK_TIMEOUT_MS = 30_000;

/** Short calls, for drills about new ones. */
export const SHORT_CALLS = { callMs: { min: 500, max: 2_000 }, leadMs: 1_000 } as const;

export function allNodes(lab: LabState): string[] {
  return lab.plan.nodes.map((node) => node.name);
}

/** The nodes of a role; throws LabError when there are fewer than `least`. */
export function nodesOf(lab: LabState, role: LabNode['role'], least = 1): readonly LabNode[] {
  const found = lab.plan.nodes.filter((node) => node.role === role);
  if (found.length >= least) return found;
  throw new LabError(
    `this drill needs ${least} nodes of the role ${role}, the lab has ${found.length}`,
  );
}

/** The first node of a role that has another beside it, which takes its calls meanwhile. */
export function oneOf(lab: LabState, role: LabNode['role']): LabNode {
  const [first] = nodesOf(lab, role, 2);
  if (first === undefined) throw new LabError(`the lab has no ${role}`);
  return first;
}

/** `host:port` as it stands in the Contact of an answer and in the log of who routes. */
export function addressOf(node: LabNode): string {
  return destinationUri({ transport: 'udp', ...node.sip }).slice('sip:'.length);
}

/** Asks until `found` answers with something; null after `timeoutMs`. Throws LabError when `signal` aborts. */
export async function untilFound<T>(
  find: () => T | null | Promise<T | null>,
  timeoutMs: number,
  everyMs: number,
  signal: AbortSignal,
): Promise<T | null> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await find();
    if (found !== null) return found;
    if (signal.aborted) throw new LabError('interrupted');
    if (performance.now() > endMs) return null;
    await wait(everyMs, signal);
  }
}

/** Waits; throws LabError when `signal` aborts meanwhile. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, signal);
  if (signal.aborted) throw new LabError('interrupted');
}

/** Waits until every node is up and every list proven again, and tells how long that took. */
export async function wholeAgain(stage: DrillStage): Promise<Finding> {
  const what = 'everything is back by itself';
  const startMs = performance.now();
  try {
    await stage.platform.untilSettled(allNodes(stage.lab), BACK_TIMEOUT_MS, stage.signal);
  } catch (err) {
    if (!(err instanceof DeadlineError)) throw err;
    return { what, isGood: false, seen: err.message };
  }
  return { what, isGood: true, seen: `settled after ${seconds(performance.now() - startMs)}` };
}

/** No call may fail. */
export function noCallFailed(report: CallReport): Finding {
  const failed = report.sent - report.completed;
  const reasons = [...new Set(report.failed.map((call) => call.why))].join(', ');
  return {
    what: 'no call failed',
    isGood: failed === 0 && report.sent > 0,
    seen: `${report.sent} calls, ${failed} failed${failed === 0 ? '' : ` (${reasons})`}`,
  };
}

/** `9.8 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** The wall clock, read from the monotonic one as the faults do. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
