import { NodeMemory } from '../../../src/reconciler/node-memory.js';
import type { Evidence, LiveNode } from '../../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS } from '../../../src/topology/desired-rows.js';
import { applyChanges } from '../../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { isOurs, rowKey } from '../../../src/topology/dispatcher-row.js';
import type { Spent } from '../../../src/topology/guard-budget.js';
import { DEFAULT_BUDGET_LIMITS, noteSpent } from '../../../src/topology/guard-budget.js';
import type { IntentRecord, NodeRecord, OverrideRecord } from '../../../src/topology/node.js';
import type { PassInput, PassPlan } from '../../../src/topology/plan-pass.js';
import { planPass } from '../../../src/topology/plan-pass.js';
import { DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import { intentFor } from '../../topology/records.js';
import { checkAgain, PassInvariants } from './pass-invariants.js';
import type { TopologyEvent } from './topology-event.js';
import { hostOf, nodeName, TopologyNodes } from './topology-nodes.js';

const SETTLE_MS = 4_000;

/** Nodes, registry, clock and table as a reconciler meets them; each pass is checked against the invariants. */
export class TopologyModel {
  readonly nodes = new TopologyNodes();
  readonly seen: ReadonlyMap<string, LiveNode> = this.nodes.seen;
  readonly intents = new Map<string, IntentRecord>();
  readonly evidence = new Map<string, Evidence>();
  readonly overrides = new Map<number, OverrideRecord>();
  table: ReadonlyMap<string, DispatcherRow> = new Map();
  wallMs = 1_000_000_000;
  monoMs = 0;
  passes = 0;
  readonly #invariants = new PassInvariants();
  readonly #silentSinceMs = new Map<string, number>();
  /** What the witness found of the present life of a node that is to be admitted. */
  readonly #answers = new Map<string, Evidence>();
  readonly #askedSinceMs = new Map<string, number>();
  #memory = new NodeMemory();
  #spent: Spent = new Map();
  #heldSince: ReadonlyMap<number, number> = new Map();
  #freshSinceMs: number | null = 0;

  happen(event: TopologyEvent): void {
    switch (event.kind) {
      case 'state':
        return this.#publish(nodeName(event.node), { state: event.state }, event.isSeen);
      case 'returns':
        return this.#return(nodeName(event.node), event.address, event.isSeen);
      case 'vanishes':
        return this.#vanish(nodeName(event.node), event.saysGoodbye, event.isSeen);
      case 'weighs':
        return this.#weigh(nodeName(event.node), event.weight);
      case 'old news':
        return this.nodes.showFormer(nodeName(event.node));
      case 'all news':
        return this.nodes.showAll();
      case 'intent':
        return this.#intend(nodeName(event.node), event.isSet);
      case 'witness':
        return this.witness(nodeName(event.node), event.finds);
      case 'override':
        return this.#override(event.setid);
      case 'foreign row':
        return this.#foreignRow(event.address, event.isThere);
      case 'leader':
        return this.#forget();
      case 'stale':
        return this.#noteView(event.isStale);
      case 'view breaks':
        this.#freshSinceMs = this.monoMs;
        return;
      case 'wall clock':
        return this.#turnClock(event.byMs);
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
    const before = this.table;
    const after = applyChanges(before, plan.changes);
    this.#invariants.check({ input, plan, before, after, monoMs: this.monoMs });
    this.#noteAsked(plan);
    this.#spent = noteSpent(this.#spent, plan.taken, this.wallMs, DEFAULT_BUDGET_LIMITS);
    this.#heldSince = new Map(plan.held.map(({ setid, sinceMs }) => [setid, sinceMs] as const));
    for (const { setid } of plan.released) this.overrides.delete(setid);
    this.table = after;
    this.passes += 1;
    checkAgain(plan, planPass(this.input()));
  }

  #noteAsked({ asking }: PassPlan): void {
    for (const nodeId of this.#askedSinceMs.keys()) {
      if (!asking.has(nodeId)) this.#askedSinceMs.delete(nodeId);
    }
    for (const nodeId of asking.keys()) {
      if (!this.#askedSinceMs.has(nodeId)) this.#askedSinceMs.set(nodeId, this.monoMs);
    }
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

  #publish(nodeId: string, part: Partial<NodeRecord>, isSeen: boolean): void {
    this.nodes.publish(nodeId, part, this.wallMs, isSeen);
  }

  #return(nodeId: string, address: number, isSeen: boolean): void {
    this.#answers.delete(nodeId);
    this.nodes.beginAgain(nodeId, address, this.wallMs, isSeen);
  }

  #vanish(nodeId: string, saysGoodbye: boolean, isSeen: boolean): void {
    if (!this.nodes.truth.has(nodeId)) return;
    if (saysGoodbye) {
      this.#publish(nodeId, { state: 'down' }, isSeen);
      if (isSeen) this.#memory.observe(this.seen);
    }
    this.nodes.remove(nodeId, isSeen);
  }

  #weigh(nodeId: string, weight: number): void {
    if (this.nodes.truth.has(nodeId)) this.#publish(nodeId, { weight }, true);
  }

  #intend(nodeId: string, isSet: boolean): void {
    if (isSet) this.intents.set(nodeId, intentFor(nodeId));
    else this.intents.delete(nodeId);
  }

  #override(setid: number): void {
    const until = this.wallMs + 60_000;
    const word = { schema: 1, setid, by: 'ann', why: 'known' } as const;
    this.overrides.set(setid, { ...word, since: this.wallMs, until });
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

  /** The view is lost, or fresh again. */
  #noteView(isStale: boolean): void {
    this.#freshSinceMs = isStale ? null : (this.#freshSinceMs ?? this.monoMs);
  }

  #turnClock(byMs: number): void {
    this.wallMs += byMs;
    this.#invariants.forgetLosses();
  }

  /** Another process leads: it knows the table and what it sees. */
  #forget(): void {
    this.#memory = new NodeMemory();
    this.#spent = new Map();
    this.#heldSince = new Map();
    this.#invariants.forgetLosses();
    this.evidence.clear();
    this.#answers.clear();
    this.#askedSinceMs.clear();
    this.#silentSinceMs.clear();
  }
}
