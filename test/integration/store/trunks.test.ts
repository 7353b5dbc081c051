import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Store } from '../../../src/store/pool.js';
import { addTrunk, readTrunks, removeTrunk } from '../../../src/store/trunks.js';
import type { Trunk } from '../../../src/topology/trunk.js';
import { triesFor } from '../../../src/topology/trunk.js';
import type { AccountDatabase } from './account-database.js';
import { startAccounts } from './account-database.js';
import type { TestDatabase } from './database.js';

let accounts: AccountDatabase;
let db: TestDatabase;
let manager: Store;
let reader: Store;

before(async () => {
  accounts = await startAccounts();
  ({ db, manager, reader } = accounts);
});
after(() => db.close());

const TRUNK: Trunk = {
  name: 'carrier-a',
  host: '203.0.113.5',
  port: 5061,
  transport: 'tls',
  prefix: '+44',
  priority: 3,
  weight: 2,
  cap: 30,
  source: true,
  strip: 1,
  add: '00',
};

test('a trunk comes back as it went in, and becomes a route of Kamailio', async () => {
  await accounts.empty();
  const inbound = { ...TRUNK, name: 'inbound', weight: 0, prefix: '+' };
  assert.equal(await addTrunk(manager, TRUNK), true);
  assert.equal(await addTrunk(manager, inbound), true);
  assert.equal(await addTrunk(manager, { ...TRUNK, host: '192.0.2.1' }), false);
  assert.deepEqual(await readTrunks(reader), [inbound, TRUNK]);
  const gateways = await db.store.query<{ address: string }>({
    text: 'SELECT address, strip, pri_prefix FROM public.dr_gateways',
  });
  assert.deepEqual(gateways, [{ address: '203.0.113.5:5061', strip: 1, pri_prefix: '00' }]);
  assert.equal(await removeTrunk(manager, 'carrier-a'), true);
  assert.equal(await removeTrunk(manager, 'carrier-a'), false);
  assert.deepEqual(await db.store.query({ text: 'SELECT 1 FROM public.dr_rules' }), []);
});

test('the tries that operators are told are the ones that Kamailio has', async () => {
  await accounts.empty();
  const trunks: readonly Partial<Trunk>[] = [
    { name: 'any', prefix: '+', priority: 0 },
    { name: 'uk-a', prefix: '+44', priority: 5, weight: 3 },
    { name: 'uk-b', prefix: '+44', priority: 5, weight: 1 },
    { name: 'uk-low', prefix: '+44', priority: 1 },
    { name: 'london', prefix: '+4420', priority: 0 },
    { name: 'source', prefix: '+', weight: 0 },
  ];
  for (const more of trunks) await addTrunk(manager, { ...TRUNK, source: true, ...more });
  for (const [number, prefix] of [
    ['+442079460123', '+4420'],
    ['+44119', '+44'],
    ['+4930123', ''],
  ] as const) {
    const rules = await db.store.query<{ draws: string; names: string[] }>({
      text: `SELECT r.groupid AS draws, array_agg(substr(g.description, 7) ORDER BY n.place) AS names
               FROM public.dr_rules r, unnest(string_to_array(r.gwlist, ',')) WITH ORDINALITY AS n(gwid, place)
               JOIN public.dr_gateways g ON g.gwid = n.gwid::int
              WHERE r.prefix = $1 GROUP BY r.ruleid, r.groupid`,
      values: [prefix],
    });
    assert.ok(rules.length > 0, `a rule for ${prefix}`);
    const tries = triesFor(number, await readTrunks(reader));
    const rank = new Map(tries.map((one) => [one.trunk.name, one.rank] as const));
    for (const { names } of rules) {
      const ranks = names.map((name) => rank.get(name) ?? 0);
      assert.deepEqual(
        ranks,
        tries.slice(0, names.length).map((one) => one.rank),
        names.join(),
      );
    }
    for (const { trunk, rank: at, share } of tries.filter((one) => one.rank === 1)) {
      const mine = rules.filter(({ names }) => names[at - 1] === trunk.name);
      const draws = mine.reduce((sum, { draws: list }) => sum + list.split(',').length, 0);
      assert.ok(Math.abs(draws / 50 - share) <= 0.02, `${trunk.name}: ${draws} of 50 draws`);
    }
  }
});
