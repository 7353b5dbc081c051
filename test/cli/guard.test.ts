import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldRecord, OverrideRecord } from '../../src/topology/node.js';
import { StoreUnavailableError } from '../../src/util/errors.js';
import type { RefusedWrite } from '../../src/store/refused-writes.js';
import { carna, fakeData, GENERATION, NOW, topology } from './support.js';

const HELD: HeldRecord = {
  setid: 30,
  rule: 'stop',
  why: '9 of 12 nodes are silent at once: suspected is ZooKeeper',
  sinceMs: NOW - 42_000,
  count: 12,
  destinations: ['sip:10.0.3.1:5060', 'sip:10.0.3.2:5060'],
};
const holding = (written: OverrideRecord[] = []) =>
  fakeData({
    readTopology: async () => topology({ generation: { ...GENERATION, held: [HELD] } }),
    writeOverride: async (record) => void written.push(record),
  });

test('nothing held: one line, exit code 0', async () => {
  const { code, out } = await carna('guard', fakeData());
  assert.deepEqual([code, out], [0, 'nothing is held back\n']);
});

test('a hold is told with its age, its cause, what is kept and how it ends', async () => {
  const { code, out } = await carna('guard', holding());
  assert.equal(code, 1);
  assert.match(out, /^12 changes held back in 1 set\n/);
  assert.match(out, /! held for 42 s {3}set 30: 12 rows \(rule stop\)/);
  assert.match(out, /why {4}9 of 12 nodes are silent at once/);
  assert.match(out, /kept {3}sip:10\.0\.3\.1:5060, sip:10\.0\.3\.2:5060, and 10 more/);
  assert.match(out, /carna guard override 30 --for 10m/);
});

test('of a set whose rows are lost the lists of the Kamailios are told as kept', async () => {
  const lost: HeldRecord = { ...HELD, rule: 'never-empty', count: 1, destinations: [] };
  const data = fakeData({
    readTopology: async () => topology({ generation: { ...GENERATION, held: [lost] } }),
  });
  const { code, out } = await carna('guard', data);
  assert.equal(code, 1);
  assert.match(out, /^1 lost set kept as the Kamailios have it\n/);
  assert.match(out, /! held for 42 s {3}set 30: all its rows \(rule never-empty\)/);
  assert.match(out, /kept {3}the lists that the Kamailios hold\n/);
  assert.match(out, /cost {3}no Kamailio that holds one takes in new nodes meanwhile/);
  assert.match(
    out,
    /ends {3}by itself when one of its nodes is up and answers the reconciler · or: carna guard override 30/,
  );
  const far = { ...lost, setid: 130 };
  const remote = await carna(
    'guard',
    fakeData({
      readTopology: async () => topology({ generation: { ...GENERATION, held: [far] } }),
    }),
  );
  assert.match(remote.out, /until {2}a new node of this data centre is to be loaded/);
  assert.doesNotMatch(remote.out, /cost/);
});

test('a hold is a problem of the topology', async () => {
  const { out } = await carna('topology', holding());
  assert.match(out, /set 30: 12 changes held back for 42 s/);
  assert.match(out, /carna guard/);
});

test('guard --json has all of it', async () => {
  const { out } = await carna('guard --json', holding());
  const said = JSON.parse(out) as { held: unknown; overrides: unknown };
  assert.deepEqual([said.held, said.overrides], [[HELD], []]);
});

const REFUSAL: RefusedWrite = {
  id: 1,
  epoch: 6,
  holder: 'reconciler-1',
  rulingEpoch: 7,
  rulingHolder: 'reconciler-2',
  rowCount: 2,
  rows: [],
  atMs: NOW - 60_000,
};

test('writes of a deposed leader of the last day are told, the newest five by line', async () => {
  const old = { ...REFUSAL, epoch: 2, atMs: NOW - 25 * 3_600_000 };
  const many = Array.from({ length: 7 }, (_, at) => ({ ...REFUSAL, epoch: 10 + at }));
  const { code, out } = await carna(
    'guard',
    fakeData({ readRefusals: async () => [old, ...many, REFUSAL] }),
  );
  assert.equal(code, 0);
  const lines = out.split('\n').filter((line) => line.startsWith('refused:'));
  assert.equal(lines.length, 6);
  assert.equal(lines[0], 'refused: 3 writes more before these, see --json');
  assert.match(
    lines[5] ?? '',
    /^refused: a write of reconciler-1 \(epoch 6\) at \d\d:\d\d:\d\d, 2 rows; epoch 7 \(reconciler-2\) rules$/,
  );
  assert.doesNotMatch(out, /epoch 2\)/);
});

test('guard --json has every refusal, and says why when they cannot be read', async () => {
  const data = fakeData({ readRefusals: async () => [REFUSAL] });
  const said = JSON.parse((await carna('guard --json', data)).out) as Record<string, unknown>;
  assert.deepEqual([said['refusals'], said['refusalsError']], [[REFUSAL], null]);
  const away = fakeData({
    readRefusals: () => Promise.reject(new StoreUnavailableError('PostgreSQL is away')),
  });
  const { code, out } = await carna('guard --json', away);
  const faulty = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual([code, faulty['refusals']], [0, null]);
  assert.match(String(faulty['refusalsError']), /PostgreSQL is away/);
  assert.match(
    (await carna('guard', away)).out,
    /refused writes are not known: PostgreSQL is away/,
  );
});

test('override without a terminal needs --yes and changes nothing else', async () => {
  const written: OverrideRecord[] = [];
  const { code, err } = await carna('guard override 30', holding(written));
  assert.equal(code, 2);
  assert.match(err, /expected a terminal or --yes/);
  assert.deepEqual(written, []);
});

test('override says what it will do and writes who, why and how long', async () => {
  const written: OverrideRecord[] = [];
  const line = 'guard override 30 --for 5m --why rack-4 --by ann --yes';
  const { code, out } = await carna(line, holding(written));
  assert.equal(code, 0, out);
  assert.match(out, /12 rows of set 30 will be taken out of use or deleted/);
  const until = NOW + 300_000;
  assert.deepEqual(written, [
    { schema: 1, setid: 30, by: 'ann', why: 'rack-4', since: NOW, until },
  ]);
});

test('override of a set in which nothing is held is a no', async () => {
  const written: OverrideRecord[] = [];
  const { code, err } = await carna('guard override 10 --yes', holding(written));
  assert.equal(code, 1);
  assert.match(err, /nothing is held back in set 10/);
  assert.deepEqual(written, []);
});

for (const args of [
  'override x --yes',
  'override 30 --for 2h --yes',
  'override 30 --for soon --yes',
]) {
  test(`wrong use: guard ${args}`, async () =>
    assert.equal((await carna(`guard ${args}`, holding())).code, 2));
}
