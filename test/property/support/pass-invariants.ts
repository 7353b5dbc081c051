import assert from 'node:assert/strict';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { isOurs, isSelectable, rowKey } from '../../../src/topology/dispatcher-row.js';
import { DEFAULT_BUDGET_LIMITS } from '../../../src/topology/guard-budget.js';
import type { NodeRecord } from '../../../src/topology/node.js';
import type { PassInput, PassPlan } from '../../../src/topology/plan-pass.js';
import { faultOfRow } from '../../../src/topology/row-validation.js';

/** One pass: what it was given, what it wants, and the table before and after it. */
export interface Pass {
  readonly input: PassInput;
  readonly plan: PassPlan;
  readonly before: ReadonlyMap<string, DispatcherRow>;
  readonly after: ReadonlyMap<string, DispatcherRow>;
  /** In real time. */
  readonly monoMs: number;
}

/** What holds in every pass of a leader, whatever happens around it. */
export class PassInvariants {
  /** Unexplained losses by set, in real time; forgotten with the leader and with a step of the wall clock. */
  #losses: { readonly setid: number; readonly atMs: number }[] = [];

  forgetLosses(): void {
    this.#losses = [];
  }

  check(pass: Pass): void {
    checkRows(pass);
    checkSize(pass);
    for (const setid of setsOf(pass.before.values())) this.#checkSet(pass, setid);
  }

  #checkSet({ input, plan, before, after, monoMs }: Pass, setid: number): void {
    const rows = [...before.values()].filter((row) => row.setid === setid);
    const left = [...after.values()].filter((row) => row.setid === setid);
    const lost = rows.filter((row) => isLoss(row, after.get(rowKey(row))));
    const isOverridden = input.overrides.has(setid);
    // Whoever has taken an address over speaks for it.
    const unsaid = lost.filter((row) => {
      const heir = after.get(rowKey(row));
      return !isSaid(input, row) && (heir === undefined || !isSaid(input, heir));
    });
    if (!isOverridden) {
      const names = unsaid.map(ownerOf).join(', ');
      if (left.length === 0) assert.equal(names, '', `set ${setid} is empty and nobody said so`);
      const had = rows.some((row) => isSelectable(row.flags));
      if (had && !left.some((row) => isSelectable(row.flags))) {
        const chosen = unsaid.filter((row) => isSelectable(row.flags)).map(ownerOf);
        assert.deepEqual(chosen, [], `set ${setid} has nothing to choose and nobody said so`);
      }
    }
    const silent = unsaid.filter((row) => !input.nodes.has(ownerOf(row)));
    this.#losses.push(...silent.map(() => ({ setid, atMs: monoMs })));
    if (isOverridden || silent.length === 0) return;
    this.#checkBudget(setid, rows.length, monoMs);
    const nodes = input.nodes.size + plan.silent.length;
    const isStopped = plan.silent.length > 1 && plan.silent.length > 0.55 * nodes;
    assert.equal(isStopped, false, 'unexplained losses although most nodes are silent');
    assert.ok(input.freshForMs >= 30_000, 'unexplained losses although the view is young');
  }

  #checkBudget(setid: number, rows: number, monoMs: number): void {
    const { windowMs, share } = DEFAULT_BUDGET_LIMITS;
    const recent = this.#losses.filter((l) => l.setid === setid && monoMs - l.atMs < windowMs);
    const limit = Math.max(1, Math.floor(rows * share));
    assert.ok(recent.length <= limit, `set ${setid}: ${recent.length} losses, ${limit} allowed`);
  }
}

/**
 * I5. A newcomer that did not answer takes no active row of another: only the pass after the one in which
 * that row was given up lets it have the address.
 */
export function checkAgain(plan: PassPlan, again: PassPlan): void {
  const givenUp = new Set(plan.changes.map((change) => rowKey(change.row)));
  const heirs = again.changes
    .filter(({ kind, row }) => kind !== 'delete' && row.flags === 9 && givenUp.has(rowKey(row)))
    .map(({ row }) => ownerOf(row))
    .filter((nodeId) => plan.asking.has(nodeId));
  const rest = again.changes.filter(({ row }) => !heirs.includes(ownerOf(row)));
  assert.deepEqual(rest, [], 'a second pass changes something');
}

function checkRows({ input, plan, before, after }: Pass): void {
  for (const [key, row] of after) {
    assert.equal(key, rowKey(row));
    if (isOurs(row)) assert.equal(faultOfRow(row), null);
  }
  for (const [key, row] of before) {
    if (!isOurs(row)) assert.equal(after.get(key), row, "somebody else's row was touched");
    const owner = input.nodes.get(ownerOf(row))?.record;
    const isHealthy = isOurs(row) && owner?.state === 'up' && !input.intents.has(owner.nodeId);
    const isHome = owner !== undefined && addressOf(owner) === row.destination;
    if (!isHealthy || !isHome || row.flags !== 8 || isContested(input, row)) continue;
    assert.equal(after.get(key)?.flags, 8, `${ownerOf(row)} is up and lost its healthy row`);
  }
  for (const { kind, row } of plan.changes) {
    const owner = input.nodes.get(ownerOf(row))?.record;
    if (kind === 'delete' || row.flags !== 8 || owner === undefined) continue;
    if (before.get(rowKey(row))?.flags === 8) continue;
    const answer = input.admission?.evidence.get(owner.nodeId);
    assert.equal(answer, 'answers', `${owner.nodeId} was not asked`);
  }
  const keys = plan.changes.map((change) => rowKey(change.row));
  assert.equal(new Set(keys).size, keys.length, 'one row is changed twice');
}

/** No change without a difference, and none of a row whose owner is as the table has it. */
function checkSize({ input, plan, before, after }: Pass): void {
  const keys = new Set([...before.keys(), ...after.keys()]);
  const differing = [...keys].filter((key) => !isSame(before.get(key), after.get(key)));
  assert.equal(plan.changes.length, differing.length, 'a change that changes nothing');
  assert.equal(plan.held.length > 0 && plan.changes.length > keys.size, false);
  assert.ok(plan.silent.every((nodeId) => !input.nodes.has(nodeId)));
}

/** Two nodes claim the address: the younger one has it. */
function isContested(input: PassInput, row: DispatcherRow): boolean {
  const claims = [...input.nodes.values()].filter((n) => addressOf(n.record) === row.destination);
  return claims.length > 1;
}

/** True when its owner or an operator said that the row should take no calls, as far as is known. */
function isSaid(input: PassInput, row: DispatcherRow): boolean {
  const nodeId = ownerOf(row);
  if (input.intents.has(nodeId)) return true;
  const last = input.nodes.get(nodeId)?.record ?? input.remembered.get(nodeId);
  if (last === undefined) return (row.flags & 4) !== 0;
  return last.state === 'down' || last.state === 'draining';
}

function addressOf({ sip }: NodeRecord): string {
  return `sip:${sip[0]?.host ?? ''}:5060`;
}

function ownerOf(row: DispatcherRow): string {
  return row.description.slice(row.description.indexOf(':') + 1);
}

function setsOf(rows: Iterable<DispatcherRow>): number[] {
  return [...new Set([...rows].map((row) => row.setid))];
}

function isLoss(before: DispatcherRow, after: DispatcherRow | undefined): boolean {
  return after === undefined || (isSelectable(before.flags) && !isSelectable(after.flags));
}

function isSame(a: DispatcherRow | undefined, b: DispatcherRow | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
