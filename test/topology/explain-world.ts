import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveRows } from '../../src/topology/desired-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import type { LiveList } from '../../src/topology/drift.js';
import { explainNode } from '../../src/topology/explain.js';
import type { AgentReport, ExplainFacts } from '../../src/topology/explain-facts.js';
import type { Fault, LinkName } from '../../src/topology/explain-link.js';
import type {
  AppliedRecord,
  GenerationRecord,
  NodeRecord,
  WitnessFinding,
} from '../../src/topology/node.js';
import type { NodesInput } from '../../src/topology/view.js';
import type { Wiring } from '../../src/topology/wiring.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { derivation, NOW_MS, record, rowOf } from './records.js';

export const URI = 'sip:m1.test:5060';
export const HTTP = { version: '0', http: 'm1.test:9100' };
export const M1 = record('m1', { agent: HTTP, maxSessions: 1000 });
export const [D1, D2] = ['d1', 'd2'].map((id) =>
  record(id, { role: 'dispatcher', kind: 'kamailio' }),
);
export const GENERATION: GenerationRecord = {
  schema: 1,
  generation: 7,
  epoch: 2,
  sets: { '30': 'aaaa' },
  traces: [],
  committedAtMs: NOW_MS - 60_000,
};

export function nodes(...records: readonly (NodeRecord | undefined)[]): NodesInput {
  const all = records.filter((one) => one !== undefined);
  return new Map(all.map((one, i) => [one.nodeId, { record: one, czxid: BigInt(i + 1) }]));
}

export function applied(
  nodeId: string,
  part: Partial<AppliedRecord> = {},
): [string, AppliedRecord] {
  const proof = { generation: 7, sets: { '30': 'aaaa' }, provenAtMs: NOW_MS - 59_000, drift: null };
  return [nodeId, { schema: 1, nodeId, role: 'dispatcher', ...proof, ...part }];
}

export function list(nodeId: string, letters: string | null): LiveList {
  const entry = { setid: 30, destination: URI, priority: 0, attrs: '' };
  const found = letters === null ? [] : [{ ...entry, letters }];
  return { nodeId, role: 'dispatcher', list: found, readAtMs: NOW_MS };
}

export const REPORT: AgentReport = {
  nodeId: 'm1',
  registry: 'connected',
  calls: 61,
  server: { name: 'process 812', starts: 1, lastExit: null },
  health: { isUp: true, streak: 0 },
  checks: [check('esl', 'ok'), check('sip', 'ok')],
  notes: [],
  quarantine: null,
};

export function check(name: string, verdict: 'ok' | 'fail'): AgentReport['checks'][number] {
  const text = verdict === 'ok' ? 'fine' : 'no answer within 800 ms';
  return {
    check: name,
    verdict,
    latencyMs: 0.44,
    text,
    atMs: NOW_MS - 100,
    sinceMs: NOW_MS - 9_000,
  };
}

export const told = (part: Partial<AgentReport>): Pick<ExplainFacts, 'agent'> => ({
  agent: { kind: 'told', report: { ...REPORT, ...part } },
});

export const seen = (finding: WitnessFinding): GenerationRecord => {
  const one = { nodeId: 'm1', finding, destination: URI, sinceMs: NOW_MS - 5_000 };
  return { ...GENERATION, witnessed: { counts: { [finding]: 1 }, nodes: [one] } };
};

export const AWAY = 'connect ECONNREFUSED';
export const UNREACHABLE = { kind: 'unreachable', http: 'm1.test:9100', why: AWAY } as const;

export interface World extends Partial<Omit<ExplainFacts, 'table'>> {
  readonly rows?: readonly DispatcherRow[];
  readonly table?: { readonly error: string };
}

/** A media node on two dispatchers, whole but for what is given. */
export function facts({ rows = [rowOf('m1')], table, ...part }: World = {}): ExplainFacts {
  const present = part.nodes ?? nodes(M1, D1, D2);
  const wiring = part.wiring ?? DEFAULT_WIRING;
  const intents = new Map(part.intent ? [['m1', part.intent]] : []);
  const derived = deriveRows(derivation({ nodes: present, intents, wiring, previous: rows }));
  return {
    nodeId: 'm1',
    nowMs: NOW_MS,
    wiring,
    intent: null,
    generation: GENERATION,
    candidates: ['rec-1'],
    applied: new Map([applied('d1'), applied('d2')]),
    refused: [],
    agent: present.has('m1') ? { kind: 'told', report: REPORT } : { kind: 'nobody' },
    task: { kind: 'unasked' },
    live: [list('d1', 'AP'), list('d2', 'AP')],
    ...part,
    nodes: present,
    table: table ?? { rows, derived },
  };
}

export interface Case {
  readonly name: string;
  readonly world: World;
  readonly fault: Fault;
  readonly at: LinkName;
  /** Of the first line. */
  readonly answer: RegExp;
  /** Of the broken link. */
  readonly text: RegExp;
  readonly meaning: RegExp;
  readonly next: RegExp;
}

export const OUT = [list('d1', 'DX'), list('d2', 'DX')];
export const state = (part: Partial<NodeRecord>): NodesInput => nodes({ ...M1, ...part }, D1, D2);
export const SILENT = nodes(D1, D2);
export const TWIN = record('m2', { sip: M1.sip });
export const ELSEWHERE: Wiring = [
  { consumer: 'dispatcher', target: 'registrar', setid: 20, selection: 'hash' },
];
export const FOREIGN = rowOf('m1', 8, { description: 'by hand' });

/** One test per broken link: where the chain ends, and what it says there. */
export function testCases(cases: readonly Case[]): void {
  for (const { name, world, fault, at, ...wanted } of cases) {
    test(`broken: ${name}`, () => {
      const chain = explainNode(facts(world));
      const broken = chain.links.filter((link) => link.state === 'broken');
      const said = JSON.stringify(chain, null, 1);
      assert.equal(chain.fault, fault, said);
      assert.deepEqual([chain.broken, broken.length, chain.links.at(-1)?.link], [at, 1, at], said);
      assert.match(chain.answer, wanted.answer);
      assert.match(chain.links.at(-1)?.text ?? '', wanted.text);
      assert.match(chain.meaning, wanted.meaning);
      assert.match(chain.next[0] ?? '', wanted.next);
    });
  }
}
