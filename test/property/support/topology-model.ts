import assert from 'node:assert/strict';
import { NodeMemory } from '../../../src/reconciler/node-memory.js';
import type { Evidence, LiveNode } from '../../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS } from '../../../src/topology/desired-rows.js';
import { applyChanges } from '../../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { isOurs, isSelectable, rowKey } from '../../../src/topology/dispatcher-row.js';
import type { Spent } from '../../../src/topology/guard-budget.js';
import { DEFAULT_BUDGET_LIMITS, noteSpent } from '../../../src/topology/guard-budget.js';
import type {
  IntentRecord,
  NodeRecord,
  NodeState,
  OverrideRecord,
} from '../../../src/topology/node.js';
import type { PassInput, PassPlan } from '../../../src/topology/plan-pass.js';
import { planPass } from '../../../src/topology/plan-pass.js';
import { faultOfRow } from '../../../src/topology/row-validation.js';
import { DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import { intentFor, record } from '../../topology/records.js';

export const NODES = 8;
const SETTLE_MS = 4_000;

/** What can happen; `node` counts from 0, `isSeen` false: the news of it is lost for now. */
export type TopologyEvent =
  | {
      readonly kind: 'state';
      readonly node: number;
      readonly state: NodeState;
      readonly isSeen: boolean;
    }
  | {
      readonly kind: 'returns';
      readonly node: number;
      readonly address: number;
      readonly isSeen: boolean;
    }
  | {
      readonly kind: 'vanishes';
      readonly node: number;
      readonly saysGoodbye: boolean;
      readonly isSeen: boolean;
    }
  | { readonly kind: 'weighs'; readonly node: number; readonly weight: number }
  | { readonly kind: 'old news'; readonly node: number }
  | { readonly kind: 'all news' }
  | { readonly kind: 'intent'; readonly node: number; readonly isSet: boolean }
  | { readonly kind: 'witness'; readonly node: number; readonly finds: Evidence }
  | { readonly kind: 'override'; readonly setid: number }
  | { readonly kind: 'foreign row'; readonly address: number; readonly isThere: boolean }
  | { readonly kind: 'leader' }
  | { readonly kind: 'stale'; readonly isStale: boolean }
  | { readonly kind: 'view breaks' }
  | { readonly kind: 'wall clock'; readonly byMs: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'pass' };

/** Nodes, registry, clock and table as a reconciler meets them; each pass is checked against the invariants. */
export class TopologyModel {
  readonly truth = new Map<string, LiveNode>();
  readonly seen = new Map<string, LiveNode>();
  readonly intents = new Map<string, IntentRecord>();
  readonly evidence = new Map<string, Evidence>();
  readonly overrides = new Map<number, OverrideRecord>();
  table: ReadonlyMap<string, DispatcherRow> = new Map();
  wallMs = 1_000_000_000;
  monoMs = 0;
  passes = 0;
  readonly #former = new Map<string, LiveNode>();
  readonly #addresses = new Map<string, number>();
  readonly #silentSinceMs = new Map<string, number>();
  /** What the witness found of the present life of a node that is to be admitted. */
  readonly #answers = new Map<string, Evidence>();
  readonly #askedSinceMs = new Map<string, number>();
  #memory = new NodeMemory();
  #spent: Spent = new Map();
  #heldSince: ReadonlyMap<number, number> = new Map();
  #freshSinceMs: number | null = 0;
  #czxids = 1n;
  /** Unexplained losses by set, in real time; forgotten with the leader and with a step of the wall clock. */
  #losses: { readonly setid: number; readonly atMs: number }[] = [];

  happen(event: TopologyEvent): void {
    switch (event.kind) {
      case 'state':
        return this.#publish(nodeName(event.node), { state: event.state }, event.isSeen);
      case 'returns':
        this.#addresses.set(nodeName(event.node), event.address);
        this.truth.delete(nodeName(event.node));
        this.#answers.delete(nodeName(event.node));
        return this.#publish(nodeName(event.node), { state: 'up' }, event.isSeen);
      case 'vanishes':
        return this.#vanish(nodeName(event.node), event.saysGoodbye, event.isSeen);
      case 'weighs':
        if (!this.truth.has(nodeName(event.node))) return;
        return this.#publish(nodeName(event.node), { weight: event.weight }, true);
      case 'old news': {
        const former = this.#former.get(nodeName(event.node));
        if (former !== undefined) this.seen.set(nodeName(event.node), former);
        return;
      }
      case 'all news':
        return this.seeAll();
      case 'intent':
        if (event.isSet) this.intents.set(nodeName(event.node), intentFor(nodeName(event.node)));
        else this.intents.delete(nodeName(event.node));
        return;
      case 'witness':
        return this.witness(nodeName(event.node), event.finds);
      case 'override': {
        const until = this.wallMs + 60_000;
        const word = { schema: 1, setid: event.setid, by: 'ann', why: 'known' } as const;
        this.overrides.set(event.setid, { ...word, since: this.wallMs, until });
        return;
      }
      case 'foreign row':
        return this.#foreignRow(event.address, event.isThere);
      case 'leader':
        return this.#forget();
      case 'stale':
        this.#freshSinceMs = event.isStale ? null : (this.#freshSinceMs ?? this.monoMs);
        return;
      case 'view breaks':
        this.#freshSinceMs = this.monoMs;
        return;
      case 'wall clock':
        this.wallMs += event.byMs;
        this.#losses = [];
        return;
      case 'time':
        return this.letPass(event.ms);
      case 'pass':
        return this.pass();
    }
  }

  letPass(ms: number): void {
    this.wallMs += ms;
    this.monoMs += ms;
  }

  seeAll(): void {
    this.seen.clear();
    for (const [nodeId, node] of this.truth) this.seen.set(nodeId, node);
  }

  witness(nodeId: string, finds: Evidence): void {
    this.evidence.set(nodeId, finds);
    if (this.seen.has(nodeId)) this.#answers.set(nodeId, finds);
    if (finds === 'answers') this.#silentSinceMs.delete(nodeId);
    else if (finds === 'silent' && !this.#silentSinceMs.has(nodeId)) {
      this.#silentSinceMs.set(nodeId, this.wallMs);
    }
  }

  /** One pass of the leader, as its term makes it; a stale view is not judged. */
  pass(): void {
    if (this.#freshSinceMs === null) return;
    this.#memory.observe(this.seen);
    const input = this.input();
    const plan = planPass(input);
    const after = applyChanges(this.table, plan.changes);
    this.#check(input, plan, after);
    for (const nodeId of this.#askedSinceMs.keys()) {
      if (!plan.asking.has(nodeId)) this.#askedSinceMs.delete(nodeId);
    }
    for (const nodeId of plan.asking.keys()) {
      if (!this.#askedSinceMs.has(nodeId)) this.#askedSinceMs.set(nodeId, this.monoMs);
    }
    this.#spent = noteSpent(this.#spent, plan.taken, this.wallMs, DEFAULT_BUDGET_LIMITS);
    this.#heldSince = new Map(plan.held.map(({ setid, sinceMs }) => [setid, sinceMs] as const));
    for (const setid of plan.released) this.overrides.delete(setid);
    this.table = after;
    this.passes += 1;
    this.#checkAgain(plan);
  }

  /**
   * I5. A newcomer that did not answer takes no active row of another: only the pass after the one in which
   * that row was given up lets it have the address.
   */
  #checkAgain(plan: PassPlan): void {
    const givenUp = new Set(plan.changes.map((change) => rowKey(change.row)));
    const changes = planPass(this.input()).changes;
    const heirs = changes
      .filter(({ kind, row }) => kind !== 'delete' && row.flags === 9 && givenUp.has(rowKey(row)))
      .map(({ row }) => ownerOf(row))
      .filter((nodeId) => plan.asking.has(nodeId));
    const again = changes.filter(({ row }) => !heirs.includes(ownerOf(row)));
    assert.deepEqual(again, [], 'a second pass changes something');
  }

  /** What the next pass is given. */
  input(): PassInput {
    const freshForMs = this.#freshSinceMs === null ? 0 : this.monoMs - this.#freshSinceMs;
    return {
      nodes: this.seen,
      intents: this.intents,
      wiring: DEFAULT_WIRING,
      previous: this.table,
      remembered: this.#memory.vanished(),
      evidence: this.evidence,
      silentSinceMs: this.#silentSinceMs,
      admission: { evidence: this.#answers, sinceMs: this.#askedSinceMs, monoMs: this.monoMs },
      isSettled: freshForMs >= SETTLE_MS,
      nowMs: this.wallMs,
      limits: DEFAULT_DERIVE_LIMITS,
      heldSince: this.#heldSince,
      spent: this.#spent,
      freshForMs,
      budget: DEFAULT_BUDGET_LIMITS,
      overrides: this.overrides,
      known: new Set(),
      passId: `pass-${this.passes}`,
    };
  }

  #check(input: PassInput, plan: PassPlan, after: ReadonlyMap<string, DispatcherRow>): void {
    this.#checkRows(plan, after);
    this.#checkSize(input, plan, after);
    for (const setid of setsOf(this.table.values())) this.#checkSet(input, plan, setid, after);
  }

  #checkRows(plan: PassPlan, after: ReadonlyMap<string, DispatcherRow>): void {
    for (const [key, row] of after) {
      assert.equal(key, rowKey(row));
      if (isOurs(row)) assert.equal(faultOfRow(row), null);
    }
    for (const [key, row] of this.table) {
      if (!isOurs(row)) assert.equal(after.get(key), row, "somebody else's row was touched");
      const owner = this.seen.get(ownerOf(row))?.record;
      const isHealthy = isOurs(row) && owner?.state === 'up' && !this.intents.has(owner.nodeId);
      const isHome = owner !== undefined && addressOf(owner) === row.destination;
      if (!isHealthy || !isHome || row.flags !== 8 || this.#isContested(row)) continue;
      assert.equal(after.get(key)?.flags, 8, `${ownerOf(row)} is up and lost its healthy row`);
    }
    for (const { kind, row } of plan.changes) {
      const owner = this.seen.get(ownerOf(row))?.record;
      if (kind === 'delete' || row.flags !== 8 || owner === undefined) continue;
      if (this.table.get(rowKey(row))?.flags === 8) continue;
      assert.equal(this.#answers.get(owner.nodeId), 'answers', `${owner.nodeId} was not asked`);
    }
    const keys = plan.changes.map((change) => rowKey(change.row));
    assert.equal(new Set(keys).size, keys.length, 'one row is changed twice');
  }

  /** No change without a difference, and none of a row whose owner is as the table has it. */
  #checkSize(input: PassInput, plan: PassPlan, after: ReadonlyMap<string, DispatcherRow>): void {
    const keys = new Set([...this.table.keys(), ...after.keys()]);
    const differing = [...keys].filter((key) => !isSame(this.table.get(key), after.get(key)));
    assert.equal(plan.changes.length, differing.length, 'a change that changes nothing');
    assert.equal(plan.held.length > 0 && plan.changes.length > keys.size, false);
    assert.ok(plan.silent.every((nodeId) => !input.nodes.has(nodeId)));
  }

  #checkSet(
    input: PassInput,
    plan: PassPlan,
    setid: number,
    after: ReadonlyMap<string, DispatcherRow>,
  ): void {
    const rows = [...this.table.values()].filter((row) => row.setid === setid);
    const left = [...after.values()].filter((row) => row.setid === setid);
    const lost = rows.filter((row) => isLoss(row, after.get(rowKey(row))));
    const isOverridden = this.overrides.has(setid);
    // Whoever has taken an address over speaks for it.
    const unsaid = lost.filter((row) => {
      const heir = after.get(rowKey(row));
      return !this.#isSaid(input, row) && (heir === undefined || !this.#isSaid(input, heir));
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
    this.#losses.push(...silent.map(() => ({ setid, atMs: this.monoMs })));
    if (isOverridden || silent.length === 0) return;
    this.#checkBudget(setid, rows.length);
    const nodes = input.nodes.size + plan.silent.length;
    const isStopped = plan.silent.length > 1 && plan.silent.length > 0.55 * nodes;
    assert.equal(isStopped, false, 'unexplained losses although most nodes are silent');
    assert.ok(input.freshForMs >= 30_000, 'unexplained losses although the view is young');
  }

  #checkBudget(setid: number, rows: number): void {
    const { windowMs, share } = DEFAULT_BUDGET_LIMITS;
    const recent = this.#losses.filter((l) => l.setid === setid && this.monoMs - l.atMs < windowMs);
    const limit = Math.max(1, Math.floor(rows * share));
    assert.ok(recent.length <= limit, `set ${setid}: ${recent.length} losses, ${limit} allowed`);
  }

  /** Two nodes claim the address: the younger one has it. */
  #isContested(row: DispatcherRow): boolean {
    const claims = [...this.seen.values()].filter((n) => addressOf(n.record) === row.destination);
    return claims.length > 1;
  }

  /** True when its owner or an operator said that the row should take no calls, as far as is known. */
  #isSaid(input: PassInput, row: DispatcherRow): boolean {
    const nodeId = ownerOf(row);
    if (input.intents.has(nodeId)) return true;
    const last = input.nodes.get(nodeId)?.record ?? input.remembered.get(nodeId);
    if (last === undefined) return (row.flags & 4) !== 0;
    return last.state === 'down' || last.state === 'draining';
  }

  #publish(nodeId: string, part: Partial<NodeRecord>, isSeen: boolean): void {
    const now = this.truth.get(nodeId);
    const address = this.#addresses.get(nodeId) ?? Number(nodeId.slice(1));
    const sip = [{ transport: 'udp', host: hostOf(address), port: 5060 } as const];
    const next: LiveNode = {
      record: record(nodeId, {
        role: roleOf(nodeId),
        ...now?.record,
        since: this.wallMs,
        sip,
        ...part,
      }),
      czxid: now?.czxid ?? this.#czxids++,
    };
    if (now !== undefined) this.#former.set(nodeId, now);
    this.truth.set(nodeId, next);
    if (isSeen) this.seen.set(nodeId, next);
  }

  #vanish(nodeId: string, saysGoodbye: boolean, isSeen: boolean): void {
    if (!this.truth.has(nodeId)) return;
    if (saysGoodbye) {
      this.#publish(nodeId, { state: 'down' }, isSeen);
      if (isSeen) this.#memory.observe(this.seen);
    }
    this.truth.delete(nodeId);
    this.#former.delete(nodeId);
    if (isSeen) this.seen.delete(nodeId);
  }

  #foreignRow(address: number, isThere: boolean): void {
    const destination = `sip:${hostOf(address)}:5060`;
    const row = {
      setid: 30,
      destination,
      flags: 0,
      priority: 3,
      attrs: '',
      description: 'by hand',
    };
    const table = new Map(this.table);
    const current = table.get(rowKey(row));
    if (current !== undefined && isOurs(current)) return;
    if (isThere) table.set(rowKey(row), row);
    else table.delete(rowKey(row));
    this.table = table;
  }

  /** Another process leads: it knows the table and what it sees. */
  #forget(): void {
    this.#memory = new NodeMemory();
    this.#spent = new Map();
    this.#heldSince = new Map();
    this.#losses = [];
    this.evidence.clear();
    this.#answers.clear();
    this.#askedSinceMs.clear();
    this.#silentSinceMs.clear();
  }
}

export function nodeName(node: number): string {
  return `m${node}`;
}

/** The last two are registrars: another set. */
function roleOf(nodeId: string): 'registrar' | 'media' {
  return Number(nodeId.slice(1)) >= NODES - 2 ? 'registrar' : 'media';
}

function hostOf(address: number): string {
  return `10.0.0.${address + 1}`;
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
