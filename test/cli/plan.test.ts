import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { PlanJson } from '../../src/cli/json-shapes.js';
import type {
  GenerationRecord,
  HeldRecord,
  NodeRecord,
  WitnessedRecord,
} from '../../src/topology/node.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { RegistryNotSentError, StoreUnavailableError } from '../../src/util/errors.js';
import * as p from './support.js';

const dir = mkdtempSync(join(tmpdir(), 'carna-plan-'));
after(() => rmSync(dir, { recursive: true }));

const media = (n: number, part: Partial<NodeRecord> = {}): NodeRecord =>
  p.node('media', `media-${n}`, `10.0.3.${n}`, { weight: 100, ...part });
const mediaRow = (n: number, flags = 8): DispatcherRow =>
  p.row(30, `media-${n}`, `10.0.3.${n}`, flags);
const DISPATCHERS = [p.DISP1, p.DISP2].map((one) => ({ ...one, weight: 100 }));
const DISPATCHER_ROWS = [p.row(10, 'disp-1', '10.0.2.1'), p.row(10, 'disp-2', '10.0.2.2')];

interface World {
  readonly media?: readonly NodeRecord[];
  readonly rows?: readonly DispatcherRow[];
  readonly leads?: boolean;
  readonly more?: Parameters<typeof p.topology>[0];
}

/** Two dispatchers and the media nodes and rows given; the load-balancer has no row, its set no reader. */
function world({ media: nodes = [], rows = [], leads = true, more = {} }: World): OperatorData {
  const candidates = leads ? ['rec-2', 'rec-1'] : [];
  return p.fakeData({
    readTopology: async () =>
      p.topology({ nodes: [...DISPATCHERS, ...nodes], candidates, ...more }),
    readTable: async () => [...DISPATCHER_ROWS, ...rows],
  });
}

function vanished(
  n: number,
  finding: WitnessedRecord['finding'],
  sinceMs = p.NOW - 5_000,
): WitnessedRecord {
  return { nodeId: `media-${n}`, finding, destination: `sip:10.0.3.${n}:5060`, sinceMs };
}

function witnessed(...nodes: readonly WitnessedRecord[]): GenerationRecord {
  return { ...p.GENERATION, witnessed: { counts: {}, nodes } };
}

const QUIET = world({ media: [media(1)], rows: [mediaRow(1)] });

test('nothing to do: one sentence, exit code 0', async () => {
  const { code, out } = await p.carna('plan', QUIET);
  assert.equal(
    out,
    'The table is what it should be (generation 1,842); nothing would change.\n' +
      'prod · dc1 · generation 1,842 · data 0.3 s old\n',
  );
  assert.equal(code, 0);
});

test('nothing to do, and nobody leads: what comes from now on would not be written', async () => {
  const { code, out } = await p.carna('plan', world({ leads: false }));
  assert.equal(code, 0);
  assert.match(
    out,
    /\nNo reconciler leads: what changes from now on will not be written until one does\.\n/,
  );
});

/** One of each kind; nobody leads. */
const STOPPED = world({
  leads: false,
  media: [
    media(1),
    media(2, { state: 'down', reason: 'exited (signal 11)', since: p.NOW - 14_000 }),
    media(3, { weight: 50 }),
    media(4),
    media(6),
  ],
  rows: [1, 2, 3, 4].map((n) => mediaRow(n)).concat(mediaRow(5, 4)),
  more: { intents: p.byId([p.intent('media-4')]) },
});

test('a node that was down for too long loses its row', async () => {
  const data = world({
    media: [media(1), media(2, { state: 'down', reason: 'hangs' })],
    rows: [mediaRow(1), mediaRow(2, 4)],
  });
  const { out } = await p.carna('plan', data);
  assert.match(
    out,
    /- delete {2}set 30 {2}sip:10\.0\.3\.2:5060 {2}was flags 4 disabled\n {10}media-2: its agent has said down for too long: hangs\n/,
  );
});

test('each row with its columns, its node and why; nobody leads; 80 columns', async () => {
  const terminal = { columns: 80, env: { NO_COLOR: '1' } };
  const { code, out } = await p.carna('plan', STOPPED, terminal);
  assert.equal(out, CHANGES.slice(1));
  assert.equal(code, 1);
});

const CHANGES = `
5 rows would change now.
No reconciler leads: nothing will be written until one does.
prod · dc1 · generation 1,842 · data 0.3 s old

+ insert  set 30  sip:10.0.3.6:5060  flags 8 active
          media-6: its agent says up
~ update  set 30  sip:10.0.3.2:5060  flags 8 active → 4 disabled
          media-2: its agent says down: exited (signal 11)
~ update  set 30  sip:10.0.3.3:5060  attrs "" → weight=50;rweight=50
          media-3: its agent says up
~ update  set 30  sip:10.0.3.4:5060  flags 8 active → 4 disabled
          media-4: ann asked for a drain: kernel update
- delete  set 30  sip:10.0.3.5:5060  was flags 4 disabled
          media-5: it said goodbye

guards: nothing is held, all 5 pass

assumed: a disabled row without a znode is of a node that said goodbye (a leader
  may remember otherwise)

Next: start a reconciler: carna reconciler
      carna explain media-6
`;

test('--set shows one set only', async () => {
  const { code, out } = await p.carna('plan --set 10', STOPPED);
  assert.equal(code, 0);
  assert.match(out, /nothing would change/);
});

/** Eight media nodes; four vanished and do not answer: one may go, the others are too many at once. */
const SILENT = world({
  media: [1, 2, 3, 4].map((n) => media(n)),
  rows: [1, 2, 3, 4, 5, 6, 7].map((n) => mediaRow(n)),
  more: {
    generation: witnessed(vanished(5, 'silent'), vanished(6, 'silent'), vanished(7, 'silent')),
  },
});

test('what the budget holds is told with its rule, and what was taken for granted', async () => {
  const { code, out } = await p.carna('plan', SILENT);
  assert.equal(out, HELD.slice(1));
  assert.equal(code, 4);
});

const HELD = `
1 row would change now, 2 are held back by a guard.
rec-2 leads and writes such changes within 100 ms as a rule: run this again. If they stay, it cannot write; its log says why.
prod · dc1 · generation 1,842 · data 0.3 s old

~ update  set 30  sip:10.0.3.5:5060  flags 8 active → 9 inactive
          media-5: it vanished without a goodbye and does not answer the witness
! update  set 30  sip:10.0.3.6:5060  flags 8 active → 9 inactive
          media-6: it vanished without a goodbye and does not answer the witness
          not written: the guard "budget" holds it
! update  set 30  sip:10.0.3.7:5060  flags 8 active → 9 inactive
          media-7: it vanished without a goodbye and does not answer the witness
          not written: the guard "budget" holds it

guards: 1 row passes, 2 held
  ! held set 30: 2 rows (rule budget), would be held
    set 30 would lose 3 of 7 rows without anybody's word, 1 more may go within 60 s

assumed: the leader’s view of the registry has been whole for 30 s (for so long after a start or a reconnect it holds every loss that nobody explained)
assumed: no row was lost without anybody’s word in the last 60 s (a set may lose a quarter of its rows so, at least one)

Next: carna explain media-5
`;

const TOLD: HeldRecord = {
  setid: 30,
  rule: 'stop',
  why: 'the view of the registry is whole for less than 30 s',
  sinceMs: p.NOW - 12_000,
  count: 3,
  destinations: ['sip:10.0.3.5:5060'],
};

test('what the leader says it holds is held, also those that it only counts', async () => {
  const generation = {
    ...witnessed(...[5, 6, 7].map((n) => vanished(n, 'silent'))),
    held: [TOLD],
  };
  const data = world({
    media: [1, 2, 3, 4].map((n) => media(n)),
    rows: [1, 2, 3, 4, 5, 6, 7].map((n) => mediaRow(n)),
    more: { generation },
  });
  const { code, out } = await p.carna('plan', data);
  assert.equal(code, 4);
  assert.match(out, /^Nothing would change now: 3 rows are held back by a guard\.\n/);
  assert.match(out, /! held set 30: 3 rows \(rule stop\), for 12 s, by the leader’s word/);
  assert.match(out, /Next: carna guard\n/);
  const overridden = {
    schema: 1,
    setid: 30,
    by: 'ann',
    why: '',
    since: p.NOW,
    until: p.NOW + 60_000,
  } as const;
  const freed = p.fakeData({
    ...data,
    readTopology: async () => ({
      ...(await data.readTopology()),
      overrides: new Map([[30, overridden]]),
    }),
  });
  const after_ = await p.carna('plan', freed);
  assert.equal(after_.code, 1, after_.out);
  assert.match(after_.out, /^3 rows would change now\.\n/);
});

test('a set would lose its last row: never-empty', async () => {
  const generation = witnessed(vanished(1, 'silent'));
  const data = world({ rows: [mediaRow(1)], more: { generation } });
  const { code, out } = await p.carna('plan', data);
  assert.equal(code, 4);
  assert.match(out, /! held set 30: 1 row \(rule never-empty\), would be held/);
});

test('vanished nodes of which nothing is known wait for the witness', async () => {
  const generation = witnessed(vanished(2, 'unsupervised'), vanished(3, 'unasked'));
  const rows = [1, 2, 3, 4].map((n) => mediaRow(n));
  const { code, out } = await p.carna(
    'plan',
    world({ media: [media(1)], rows, more: { generation } }),
  );
  assert.equal(code, 0);
  assert.match(
    out,
    /^Nothing would change now \(generation 1,842\): 2 vanished nodes wait for the witness\.\n/,
  );
  assert.match(
    out,
    /\? media-3 vanished without a goodbye, .*; set 30 sip:10\.0\.3\.3:5060 stays as it is\n/,
  );
  assert.match(out, /\? media-4 vanished/);
  assert.ok(!out.includes('media-2'), 'it answers: nothing is open');
});

test('after the limbo a silent node’s row goes', async () => {
  const generation = witnessed(vanished(9, 'silent', p.NOW - 41_000));
  const rows = [mediaRow(1), mediaRow(9, 9)];
  const { code, out } = await p.carna(
    'plan',
    world({ media: [media(1)], rows, more: { generation } }),
  );
  assert.equal(code, 1);
  assert.match(out, /- delete {2}set 30 {2}sip:10\.0\.3\.9:5060 {2}was flags 9 inactive/);
});

test('what may not be written is told: claimed twice, somebody else’s row, no good address', async () => {
  const host = { transport: 'udp', host: '10.0.3.1', port: 5060 } as const;
  const odd = { transport: 'udp', host: 'no uri', port: 5060 } as const;
  const data = world({
    media: [media(1), media(2, { sip: [host] }), media(3), media(4, { sip: [odd] })],
    rows: [mediaRow(2), { ...mediaRow(3), description: 'by hand' }].map((one, i) =>
      i === 0
        ? { ...one, destination: 'sip:10.0.3.1:5060', description: describeRow('media-2') }
        : one,
    ),
  });
  const { code, out } = await p.carna('plan', data);
  assert.equal(code, 0, out);
  assert.match(
    out,
    /^Nothing would change now \(generation 1,842\), but 3 rows cannot be as they should\.\n/,
  );
  assert.match(out, /refused: set 30 sip:no uri:5060: destination "sip:no uri:5060" is no SIP URI/);
  assert.match(
    out,
    /conflict: set 30 sip:10\.0\.3\.1:5060 is claimed by media-2 and media-1; media-2/,
  );
  assert.match(
    out,
    /foreign: set 30 sip:10\.0\.3\.3:5060 belongs to somebody else's row; media-3 gets none/,
  );
});

function wiringFile(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

test('the printed wiring is a start: unchanged it changes nothing', async () => {
  const { code, out } = await p.carna('plan --print-wiring');
  assert.equal(code, 0);
  const same = await p.carna(`plan --wiring ${wiringFile('same.json', out)}`, QUIET);
  assert.equal(same.code, 0, same.out);
  assert.match(same.out, /^With .*same\.json: the table is what it should be/);
});

test('another wiring: its rules, its rows, and that nothing of it is written', async () => {
  const { out: shipped } = await p.carna('plan --print-wiring');
  const file = wiringFile('moved.json', shipped.replace('"setid":30', '"setid":60'));
  const { code, out } = await p.carna(`plan --wiring ${file}`, QUIET);
  assert.equal(code, 4);
  assert.match(
    out,
    /moved\.json: 1 rows? would change now, 1 is held back by a guard\.\nReconcilers, agents and Kamailios run the shipped wiring/,
  );
  assert.match(
    out,
    /\+ insert {2}set 60 {2}sip:10\.0\.3\.1:5060[^]*! delete {2}set 30 {2}sip:10\.0\.3\.1:5060/,
  );
  assert.match(
    out,
    /wiring: dispatcher would no longer load media as set 30\nwiring: dispatcher would load media as set 60/,
  );
  assert.match(out, /! held set 30: 1 row \(rule never-empty\), would be held/);
});

test('a bad wiring is wrong use, every fault named; a missing file is named', async () => {
  const file = wiringFile('bad.json', '{"schema":1,"rules":[{"consumer":"x","target":"media"}]}');
  const bad = await p.carna(`plan --wiring ${file}`, QUIET);
  assert.deepEqual([bad.code, bad.out], [2, '']);
  assert.match(
    bad.err,
    /bad\.json: 2 faults[^]*rules\[0\]\.consumer[^]*rules\[0\]\.setid[^]*carna plan --print-wiring/,
  );
  const none = await p.carna(`plan --wiring ${join(dir, 'none.json')}`, QUIET);
  assert.equal(none.code, 3);
  assert.match(none.err, /none\.json cannot be read: ENOENT/);
});

test('--json has all of it, with stable names', async () => {
  const { out, code } = await p.carna('plan --json', SILENT);
  const said = JSON.parse(out) as PlanJson;
  assert.equal(code, 4);
  assert.deepEqual(Object.keys(said).sort(), [
    ...['asOfMs', 'assumed', 'changes', 'cluster', 'conflicts', 'dc', 'foreign', 'generation'],
    ...['held', 'holds', 'isFresh', 'leader', 'passing', 'refused', 'schema', 'waiting'],
    ...['wiring', 'wiringChanges'],
  ]);
  const { passing, held, leader, assumed } = said;
  assert.deepEqual([passing, held, leader], [1, 2, 'rec-2']);
  assert.deepEqual(
    assumed.map(({ what }) => what),
    ['calm', 'unspent'],
  );
  assert.deepEqual(said.changes[1], {
    kind: 'update',
    setid: 30,
    destination: 'sip:10.0.3.6:5060',
    nodeId: 'media-6',
    why: 'silent',
    reason: 'it vanished without a goodbye and does not answer the witness',
    before: { flags: 8, priority: 0, attrs: '', description: 'carna:media-6' },
    after: { flags: 9, priority: 0, attrs: '', description: 'carna:media-6' },
    heldBy: 'budget',
  });
});

test('what is away is named, both when both are: exit code 3', async () => {
  const readTable = async () => {
    throw new StoreUnavailableError('PostgreSQL does not answer');
  };
  const readTopology = async () => {
    throw new RegistryNotSentError('ZooKeeper does not answer');
  };
  const one = await p.carna('plan', p.fakeData({ readTable }));
  assert.equal(one.code, 3);
  assert.match(one.err, /PostgreSQL does not answer/);
  const both = await p.carna('plan', p.fakeData({ readTable, readTopology }));
  assert.equal(both.code, 3);
  assert.match(both.err, /ZooKeeper does not answer[^]*PostgreSQL does not answer/);
  const stale = await p.carna('plan', world({ more: { isFresh: false } }));
  assert.equal(stale.code, 3);
  assert.match(stale.out, /STALE: ZooKeeper is away/);
});

test('a large plan is cut in text and whole in JSON', async () => {
  const data = world({ media: Array.from({ length: 130 }, (_, i) => media(i + 1)) });
  const { out } = await p.carna('plan', data);
  assert.match(
    out,
    /^130 rows would change now[^]*… and 30 more rows: carna plan --json, or --set N\n/,
  );
  const said = JSON.parse((await p.carna('plan --json', data)).out) as PlanJson;
  assert.equal(said.changes.length, 130);
});

for (const columns of [40, 80]) {
  test(`plan never writes wider than ${columns} columns`, async () => {
    for (const data of [QUIET, STOPPED, SILENT]) {
      const { out } = await p.carna('plan', data, { columns, env: { NO_COLOR: '1' } });
      for (const line of out.split('\n')) assert.ok([...line].length <= columns, line);
    }
  });
}
