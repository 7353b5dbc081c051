import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanJson } from '../../src/cli/json-shapes.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import type { HeldRecord } from '../../src/topology/node.js';
import { witnessReport } from '../../src/topology/witnessed.js';
import { media, mediaRow, world, vanished, witnessed, SILENT } from './plan-world.js';
import * as p from './support.js';

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

guards: 1 row passes, 2 rows held
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
  const { changes } = JSON.parse((await p.carna('plan --json', data)).out) as PlanJson;
  assert.deepEqual(
    changes.map(({ heldBy }) => heldBy),
    ['stop', 'stop', 'stop'],
  );
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

test('a lost set is told as kept, without rows; those that may not be its first are held', async () => {
  const why = 'PostgreSQL lost all rows of set 30';
  const held = [{ ...TOLD, rule: 'never-empty', why, count: 1, destinations: [] } as const];
  const generation = { ...p.GENERATION, held };
  const { code, out } = await p.carna('plan', world({ more: { generation } }));
  assert.equal(code, 4);
  assert.match(out, /^Nothing would change now: 1 lost set is kept\.\n/);
  assert.match(out, /guards: 1 lost set kept\n/);
  assert.match(out, /! held set 30: all its rows \(rule never-empty\), for 12 s/);
  const drains = world({ media: [media(1, { state: 'draining' })], more: { generation } });
  const drained = await p.carna('plan', drains);
  assert.equal(drained.code, 4);
  assert.match(
    drained.out,
    /^Nothing would change now: 1 row is held back by a guard, 1 lost set is kept\.\n/,
  );
  const filled = await p.carna(
    'plan',
    world({ media: [media(1, { state: 'draining' }), media(2)], more: { generation } }),
  );
  assert.match(filled.out, /^2 rows would change now, 1 lost set is kept\.\n/);
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

/** As a task is named: longer than the table keeps. */
const TASK = `carna_dc1_media.instance-${'0123456789ab'.repeat(3)}._app.1`;
const TAIL = describeRow(TASK).slice('carna:'.length);

for (const [who, nodeId] of [
  ['a leader that remembers its whole name', TASK],
  ['a leader that began later', TAIL],
] as const) {
  test(`a vanished node with a long name is judged as ${who} tells`, async () => {
    const gone = { ...vanished(9, 'silent'), nodeId };
    const rows = [mediaRow(1), { ...mediaRow(9), description: describeRow(TASK) }];
    const data = world({ media: [media(1)], rows, more: { generation: witnessed(gone) } });
    const { code, out } = await p.carna('plan', data);
    assert.equal(code, 1, out);
    assert.match(out, /~ update {2}set 30 {2}sip:10\.0\.3\.9:5060 {2}flags 8 active → 9 inactive/);
    assert.ok(out.includes(`${nodeId}: it vanished without a goodbye and does not answer`), out);
    assert.ok(!out.includes('waits'), out);
  });
}

test('of sixty vanished nodes ten are not told by name: they are not said to wait, and it is no "nothing"', async () => {
  const all = Array.from({ length: 60 }, (_, i) => i + 101);
  const findings = all.map((n) => vanished(n, 'silent'));
  const report = witnessReport(new Map(findings.map((one) => [one.nodeId, one])));
  const generation = { ...p.GENERATION, ...(report && { witnessed: report }) };
  const rows = all.map((n) => mediaRow(n, n <= 150 ? 9 : 8));
  const data = world({ media: [media(1)], rows: [mediaRow(1), ...rows], more: { generation } });
  const { code, out } = await p.carna('plan', data);
  assert.equal(code, 1, out);
  assert.match(
    out,
    /^Nothing that is told by name would change \(generation 1,842\); the rows of 10 vanished nodes may\.\n/,
  );
  assert.match(
    out,
    /\? 10 vanished nodes are not told by name: .* what becomes of media-151, .*, media-160\n/,
  );
  assert.match(out, /Next: carna guard\n {6}carna explain media-151\n/);
  assert.ok(!out.includes('wait'), out);
  const said = JSON.parse((await p.carna('plan --json', data)).out) as PlanJson;
  assert.deepEqual([said.waiting.length, said.untold.length, said.changes.length], [0, 10, 0]);
  assert.equal(said.untold[0]?.nodeId, 'media-151');
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

test('a node about which agent and witness disagree stays inactive', async () => {
  const generation = witnessed(vanished(2, 'disagreed'));
  const rows = [mediaRow(1), mediaRow(2, 9)];
  const data = world({ media: [media(1), media(2)], rows, more: { generation } });
  const { code, out } = await p.carna('plan', data);
  assert.equal(code, 0, out);
  const agreed = world({ media: [media(1), media(2)], rows });
  const back = await p.carna('plan', agreed);
  assert.equal(back.code, 1);
  assert.match(back.out, /sip:10\.0\.3\.2:5060 {2}flags 9 inactive → 8 active/);
  assert.match(back.out, /assumed: a node that comes up answers the reconciler’s own OPTIONS/);
});
