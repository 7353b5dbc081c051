import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { RegistryNotSentError, StoreUnavailableError } from '../../src/util/errors.js';
import { carna, fakeData, NOW } from './support.js';

const WHY = 'no ZooKeeper within 5000 ms: connect ECONNREFUSED 127.0.0.1:2181';
const away = (more: Partial<OperatorData> = {}): OperatorData =>
  fakeData({ readTopology: () => Promise.reject(new RegistryNotSentError(WHY)), ...more });

for (const command of ['topology', 'dispatcher']) {
  test(`${command} without ZooKeeper: the last table with its age, marked stale`, async () => {
    const { code, out, err } = await carna(command, away());
    assert.deepEqual([code, err], [3, '']);
    const [first] = out.split('\n');
    assert.equal(
      first,
      'STALE: ZooKeeper is away, this is the last table: generation 1,842, changed 5 min ago, last leader rec-2',
    );
    assert.match(out, /SET 30 +NODE +TABLE\nsip:10\.0\.3\.1:5060 +media-1 +8 active/);
    assert.ok(out.includes(WHY));
  });

  test(`${command} with neither ZooKeeper nor PostgreSQL says what failed first`, async () => {
    const readLastKnown = (): Promise<never> =>
      Promise.reject(new StoreUnavailableError('PostgreSQL is away'));
    const { code, out, err } = await carna(command, away({ readLastKnown }));
    assert.deepEqual([code, out], [3, '']);
    assert.ok(err.includes(WHY));
  });
}

test('an empty history is no last known state', async () => {
  const empty = { rows: [], generation: 0, committedAtMs: 0, leader: null };
  const { code, out } = await carna('topology', away({ readLastKnown: async () => empty }));
  assert.deepEqual([code, out], [3, '']);
});

test('dispatcher --set shows only that set', async () => {
  const { out } = await carna('dispatcher --set 30', away());
  assert.match(out, /SET 30/);
  assert.doesNotMatch(out, /SET 10/);
});

test('dispatcher --json keeps its shape and says that it is stale', async () => {
  const { code, out } = await carna('dispatcher --json', away());
  const said = JSON.parse(out) as Record<string, unknown>;
  assert.equal(code, 3);
  assert.deepEqual(
    [said['isFresh'], said['agrees'], said['asOfMs'], said['kamailios'], said['pending']],
    [false, false, NOW - 300_000, [], 0],
  );
});
