import { join } from 'node:path';
import type { CallRun } from '../../lab/calls/calls.js';
import { startCalls } from '../../lab/calls/calls.js';
import type { LabNode } from '../../lab/plan.js';
import type { Platform } from '../../lab/platform.js';
import type { LabState } from '../../lab/state.js';
import { LabError } from '../../util/errors.js';
import type { Context } from '../context.js';

/** What every act of the demo plays on. */
export interface DemoStage {
  readonly context: Context;
  readonly lab: LabState;
  readonly platform: Platform;
  readonly title: (name: string, text: string) => void;
  /** Runs one of the operators' commands; throws LabError unless it exits with 0. */
  readonly carna: (...args: readonly string[]) => Promise<void>;
  readonly signal: AbortSignal;
}

export const CALLS_PER_SECOND = 50;
const CALL_MS = { min: 1_000, max: 4_000 };
/** More than any act lasts. */
const MAX_SECONDS = 120;

/** Calls through the load-balancer from now until `stop()`. */
export function demoCalls(stage: DemoStage, act: string): CallRun {
  const { lab, context, signal } = stage;
  return startCalls({
    target: nodeOfRole(lab, 'load-balancer').sip,
    localHost: lab.plan.caller,
    rate: CALLS_PER_SECOND,
    amount: { seconds: MAX_SECONDS },
    callMs: CALL_MS,
    runDir: join(lab.runDir, 'calls', act),
    env: context.proc.env,
    signal,
  });
}

/** The n-th node of a role, from 1. */
export function nodeOfRole(lab: LabState, role: LabNode['role'], n = 1): LabNode {
  const node = lab.plan.nodes.filter((found) => found.role === role)[n - 1];
  if (node === undefined) throw new LabError(`the lab has no ${role} number ${n}`);
  return node;
}

/** Ends the demo with what was expected and what was found. */
export function must(isGood: boolean, what: string): void {
  if (!isGood) throw new LabError(`this did not hold: ${what}`);
}

/** `host:port` as it stands in the Contact of an answer. */
export function addressOf(node: LabNode): string {
  return `${node.sip.host}:${node.sip.port}`;
}
