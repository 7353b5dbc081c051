import assert from 'node:assert/strict';
import type { Reconciler } from '../../src/reconciler/run-reconciler.js';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import type { ReconcilerStatus } from '../../src/reconciler/status.js';
import { record } from '../topology/records.js';
import type { Step } from './world.js';
import type { World } from './world.js';

/** A reconciler whose term is over. */
export interface Retired extends Reconciler {
  /** As it was when the term was about to end. */
  readonly atEnd: ReconcilerStatus;
}

/** Runs one term: a pass, then a step and a pass each. */
export async function lead(world: World, steps: readonly Step[], skipMs = 1_000): Promise<Retired> {
  const { term, bell } = world.term(steps, skipMs);
  const reconciler = openReconciler(world.deps(bell));
  let atEnd = reconciler.status();
  term.signal.addEventListener('abort', () => (atEnd = reconciler.status()));
  await reconciler.lead(term);
  reconciler.close();
  assert.equal(world.listeners(), 0);
  return { ...reconciler, atEnd };
}

export const flags = (world: World): string[] =>
  world.table.map((row) => `${row.description.slice(6)} ${row.flags}`).sort();

export const nothing: Step = () => undefined;

export const settle: Step[] = [nothing, nothing, nothing, nothing, nothing];

/** Eight media nodes that are up. */
export const eight = (): ReturnType<typeof record>[] =>
  Array.from({ length: 8 }, (_, n) => record(`n${n}`));
