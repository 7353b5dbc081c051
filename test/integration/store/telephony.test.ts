import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLogin } from '../../../src/store/group-roles.js';
import type { GroupRole } from '../../../src/store/group-roles.js';
import type { Store } from '../../../src/store/pool.js';
import type { TestDatabase } from './database.js';
import { startDatabase } from './database.js';

const PASSWORD = 'for-this-test-only';
const HA1 = 'f'.repeat(32);

let db: TestDatabase;
before(async () => {
  db = await startDatabase();
});
after(() => db.close());

async function loginOf(role: GroupRole): Promise<Store> {
  const user = `a_${role}`;
  await createLogin(db.store, { user, password: PASSWORD, role });
  const url = new URL(db.url);
  url.username = user;
  url.password = PASSWORD;
  return db.open(url.href);
}

const ask = (store: Store, text: string): Promise<readonly Record<string, unknown>[]> =>
  store.query({ text });

test('hashes of passwords are read by who asks for passwords and by nobody else', async () => {
  await ask(
    db.store,
    `insert into subscriber (username, domain, ha1) values ('eve', 'Carna.Test', '${HA1}')`,
  );
  for (const role of ['carna_dispatcher', 'carna_registrar'] as const) {
    const rows = await ask(await loginOf(role), 'select key_name, key_value from carna.credential');
    assert.deepEqual(rows, [{ key_name: 'eve@carna.test', key_value: HA1 }]);
  }
  const known = await ask(
    await loginOf('carna_outbound'),
    'select key_name, key_value from carna.known_user',
  );
  assert.deepEqual(known, [{ key_name: 'eve@carna.test', key_value: '1' }]);
  const changes = await ask(
    await loginOf('carna_outbound'),
    "select value from carna.known_change where key = 'eve@carna.test'",
  );
  assert.deepEqual(changes, [{ value: '1' }]);
  for (const role of [
    'carna_reader',
    'carna_writer',
    'carna_load_balancer',
    'carna_outbound',
  ] as const) {
    const store = await loginOf(role);
    for (const table of ['credential', 'edge_change', 'conference_token']) {
      await assert.rejects(
        ask(store, `select * from carna.${table}`),
        /permission denied/,
        `${role} ${table}`,
      );
    }
  }
});

test('every change of a user, an alias and a trunk is noted in the order of commits', async () => {
  const manager = await loginOf('carna_manager');
  const [before] = await ask(
    db.store,
    'select coalesce(max(seq), 0)::int as seq from carna.edge_change',
  );
  await ask(
    manager,
    `insert into subscriber (username, domain, ha1) values ('kim', 'carna.test', 'one')`,
  );
  await ask(manager, `update subscriber set ha1 = 'two', username = 'kay' where username = 'kim'`);
  await ask(
    manager,
    `insert into dbaliases (alias_username, alias_domain, username, domain) values ('+49301', 'carna.test', 'kay', 'carna.test')`,
  );
  await ask(manager, `delete from subscriber where username = 'kay'`);
  await ask(
    manager,
    `insert into carna.trunk (name, host, source, weight) values ('in', '192.0.2.1', true, 0)`,
  );
  await ask(manager, `delete from carna.trunk where name = 'in'`);
  const rows = await ask(
    db.store,
    `select kind, key, value from carna.edge_change where seq > ${String(before?.['seq'])} order by seq`,
  );
  assert.deepEqual(
    rows.map((row) => Object.values(row).join(' ')),
    [
      'credential kim@carna.test one',
      'credential kim@carna.test ',
      'credential kay@carna.test two',
      'alias +49301@carna.test kay@carna.test',
      'alias +49301 kay@carna.test',
      'credential kay@carna.test ',
      'source 192.0.2.1 in',
      'trunk in INSERT',
      'source 192.0.2.1 ',
      'trunk in DELETE',
    ],
  );
});

test('a rule for each order of trunks, fifty draws for each prefix, shares by weight', async () => {
  await ask(
    db.store,
    `insert into carna.trunk (name, host, prefix, weight) values
       ('a', '192.0.2.1', '', 1), ('b', '192.0.2.2', '', 4), ('c', '192.0.2.3', '+49', 1), ('off', '192.0.2.4', '+4', 0)`,
  );
  const draws = await ask(
    db.store,
    `select r.prefix, split_part(g.description, ':', 2) as first,
            sum(cardinality(string_to_array(r.groupid, ',')))::int as draws
       from dr_rules r join dr_gateways g on g.gwid = split_part(r.gwlist, ',', 1)::int
      group by 1, 2 order by 1, 2`,
  );
  assert.deepEqual(draws, [
    { prefix: '', first: 'a', draws: 10 },
    { prefix: '', first: 'b', draws: 40 },
    { prefix: '+49', first: 'c', draws: 50 },
  ]);
  const [longest] = await ask(db.store, `select max(length(groupid)) as n from dr_rules`);
  assert.ok(Number(longest?.['n']) <= 255);
});
