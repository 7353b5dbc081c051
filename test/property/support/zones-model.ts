import assert from 'node:assert/strict';
import { NodeMemory } from '../../../src/reconciler/node-memory.js';
import type { Evidence, LiveNode } from '../../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS } from '../../../src/topology/desired-rows.js';
import { applyChanges } from '../../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { Spent } from '../../../src/topology/guard-budget.js';
import { DEFAULT_BUDGET_LIMITS, noteSpent } from '../../../src/topology/guard-budget.js';
import type { NodeState } from '../../../src/topology/node.js';
import type { PassInput } from '../../../src/topology/plan-pass.js';
import { planPass } from '../../../src/topology/plan-pass.js';
import type { ZoneInput } from '../../../src/topology/plan-zones.js';
import { planZones } from '../../../src/topology/plan-zones.js';
import { DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import { record } from '../../topology/records.js';

/**
 * Two data centres and the link between them, as one reconciler meets them in random histories. Ours is called
 * by letters, the other one dc2; node n of either has an address of its own.
 */

export const NODES = 5;
const SETTLE_MS = 4_000;

/** What happens to them. */
export type ZoneEvent =
  /** Its agent's word; `gone` = goodbye and away, `vanished` = away without a word. */
  | {
      readonly kind: 'node';
      readonly dc: 'own' | 'dc2';
      readonly node: number;
      readonly word: NodeState | 'gone' | 'vanished';
    }
  /** The link is cut, or heals. */
  | { readonly kind: 'link'; readonly isCut: boolean }
  /** dc2's ZooKeeper lost its data; its agents publish again, one after the other. */
  | { readonly kind: 'wiped' }
  | { readonly kind: 'published again'; readonly node: number }
  | { readonly kind: 'witness'; readonly dc: 'own' | 'dc2'; readonly node: number }
  | { readonly kind: 'leader' }
  | { readonly kind: 'time'; readonly ms: number };

class Side {
  readonly truth = new Map<string, LiveNode>();
  /** What its registry shows. */
  readonly shown = new Map<string, LiveNode>();
  readonly evidence = new Map<string, Evidence>();
  readonly answers = new Map<string, Evidence>();
  memory = new NodeMemory();
  freshSinceMs: number | null = 0;
  /** Nodes that spoke against themselves since they were up, or went without a word. */
  readonly spoke = new Set<string>();
}

export class ZonesModel {
  readonly sides = { own: new Side(), dc2: new Side() };
  rows: ReadonlyMap<string, DispatcherRow> = new Map();
  /** What the table would hold without dc2. */
  alone: ReadonlyMap<string, DispatcherRow> = new Map();
  monoMs = 1_000_000;
  #czxids = 1n;
  #spent: Spent = new Map();
  #spentAlone: Spent = new Map();

  constructor() {
    for (const dc of ['own', 'dc2'] as const) {
      for (let n = 0; n < NODES; n++) this.happen({ kind: 'node', dc, node: n, word: 'up' });
    }
    this.pass();
    this.happen({ kind: 'time', ms: 60_000 });
    this.pass();
  }

  happen(event: ZoneEvent): void {
    const { own, dc2 } = this.sides;
    switch (event.kind) {
      case 'node':
        this.#speak(event.dc, `n${event.node}`, event.word);
        break;
      case 'link':
        if (!event.isCut) dc2.freshSinceMs ??= this.monoMs;
        else dc2.freshSinceMs = null;
        break;
      case 'wiped':
        dc2.shown.clear();
        if (dc2.freshSinceMs !== null) dc2.freshSinceMs = this.monoMs;
        break;
      case 'published again': {
        const node = dc2.truth.get(`n${event.node}`);
        if (node !== undefined) dc2.shown.set(`n${event.node}`, node);
        break;
      }
      case 'witness':
        this.#ask(this.sides[event.dc], `n${event.node}`);
        break;
      case 'leader':
        for (const side of [own, dc2]) {
          side.memory = new NodeMemory();
          side.evidence.clear();
          side.answers.clear();
        }
        break;
      case 'time':
        this.monoMs += event.ms;
        break;
    }
  }

  pass(): void {
    const { own, dc2 } = this.sides;
    own.memory.observe(own.shown);
    const input = this.#input(this.rows, this.#spent);
    const before = this.rows;
    const plan = planZones(input, [this.#zone()]);
    this.rows = applyChanges(before, plan.changes);
    this.#spent = noteSpent(this.#spent, plan.taken, this.monoMs, DEFAULT_BUDGET_LIMITS);
    const alone = planPass(this.#input(this.alone, this.#spentAlone));
    this.alone = applyChanges(this.alone, alone.changes);
    this.#spentAlone = noteSpent(this.#spentAlone, alone.taken, this.monoMs, DEFAULT_BUDGET_LIMITS);
    const ours = [...this.rows].filter(([, row]) => row.setid < 100);
    assert.deepEqual(
      new Map(ours),
      this.alone,
      'our own rows differ from what they are without dc2',
    );
    const isOwn = ({ setid }: { readonly setid: number }): boolean => setid < 100;
    assert.deepEqual(plan.held.filter(isOwn), alone.held);
    assert.deepEqual(
      plan.audit.filter((one) => !one.nodeId.includes('/')),
      alone.audit,
    );
    if (dc2.freshSinceMs === null) {
      const theirs = plan.changes.filter(({ row }) => !isOwn(row));
      assert.deepEqual(theirs, [], 'a row of a data centre that is not seen was changed');
    }
    for (const [key, row] of before) {
      if (isOwn(row) || row.flags !== 8) continue;
      const name = row.description.slice('carna:dc2/'.length);
      if (!dc2.spoke.has(name)) assert.deepEqual(this.rows.get(key), row, `${name} said nothing`);
    }
  }

  #input(previous: ReadonlyMap<string, DispatcherRow>, spent: Spent): PassInput {
    const { own } = this.sides;
    return {
      nodes: own.shown,
      intents: new Map(),
      wiring: DEFAULT_WIRING,
      previous,
      remembered: own.memory.vanished(),
      evidence: own.evidence,
      silentSinceMs: new Map(),
      admission: { evidence: own.answers, sinceMs: new Map(), monoMs: this.monoMs },
      isSettled: true,
      nowMs: this.monoMs,
      limits: DEFAULT_DERIVE_LIMITS,
      heldSince: new Map(),
      spent,
      freshForMs: this.monoMs,
      budget: DEFAULT_BUDGET_LIMITS,
      overrides: new Map(),
      known: new Set(),
      passId: 'pass',
    };
  }

  #zone(): ZoneInput {
    const { dc2 } = this.sides;
    if (dc2.freshSinceMs === null) return { dc: 'dc2', sight: null };
    dc2.memory.observe(dc2.shown);
    const freshForMs = this.monoMs - dc2.freshSinceMs;
    const sight = {
      nodes: dc2.shown,
      remembered: dc2.memory.vanished(),
      evidence: dc2.evidence,
      silentSinceMs: new Map(),
      admission: { evidence: dc2.answers, sinceMs: new Map(), monoMs: this.monoMs },
      isSettled: freshForMs >= SETTLE_MS,
      freshForMs,
    };
    return { dc: 'dc2', sight };
  }

  #speak(dc: 'own' | 'dc2', nodeId: string, word: NodeState | 'gone' | 'vanished'): void {
    const side = this.sides[dc];
    const now = side.truth.get(nodeId);
    if (word === 'up') side.spoke.delete(nodeId);
    else side.spoke.add(nodeId);
    if (word === 'gone' || word === 'vanished') {
      const last = side.shown.get(nodeId);
      if (word === 'gone' && last !== undefined) {
        side.shown.set(nodeId, { ...last, record: { ...last.record, state: 'down' } });
        if (side.freshSinceMs !== null) side.memory.observe(side.shown);
      }
      side.truth.delete(nodeId);
      side.shown.delete(nodeId);
      return;
    }
    const host = `10.${dc === 'own' ? 0 : 1}.0.${Number(nodeId.slice(1)) + 1}`;
    const base = record(nodeId, { dc: dc === 'own' ? 'dc1' : 'dc2', since: this.monoMs });
    const sip = [{ transport: 'udp', host, port: 5060 } as const];
    const czxid = now?.czxid ?? this.#czxids++;
    const next = { record: { ...base, state: word, sip }, czxid };
    side.truth.set(nodeId, next);
    side.shown.set(nodeId, next);
    this.#ask(side, nodeId);
  }

  /** Whoever lives answers; whoever cannot be reached is not judged. */
  #ask(side: Side, nodeId: string): void {
    const found =
      side.freshSinceMs === null ? 'unknown' : side.truth.has(nodeId) ? 'answers' : 'silent';
    side.evidence.set(nodeId, found);
    side.answers.set(nodeId, found);
  }
}
