import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanJson } from '../../src/cli/json-shapes.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import { RegistryNotSentError, StoreUnavailableError } from '../../src/util/errors.js';
import { media, mediaRow, world, QUIET, SILENT } from './plan-world.js';
import * as p from './support.js';

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
          attrs weight=100;rweight=100
          media-6: its agent says up
~ update  set 30  sip:10.0.3.2:5060  flags 8 active → 4 disabled
          media-2: its agent says down: exited (signal 11)
~ update  set 30  sip:10.0.3.3:5060  attrs "" → weight=50;rweight=50;own=50
          media-3: its agent says up
~ update  set 30  sip:10.0.3.4:5060  flags 8 active → 4 disabled
          media-4: ann asked for a drain: kernel update
- delete  set 30  sip:10.0.3.5:5060  was flags 4 disabled
          media-5: it said goodbye

guards: nothing is held, all 5 pass

assumed: a node that comes up answers the reconciler’s own OPTIONS (it is asked
  first; one that does not is listed inactive)
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

test('--json has all of it, with stable names', async () => {
  const { out, code } = await p.carna('plan --json', SILENT);
  const said = JSON.parse(out) as PlanJson;
  assert.equal(code, 4);
  assert.deepEqual(Object.keys(said).sort(), [
    ...['asOfMs', 'assumed', 'changes', 'cluster', 'conflicts', 'dc', 'foreign', 'generation'],
    ...['held', 'holds', 'isFresh', 'leader', 'passing', 'refused', 'schema', 'untold'],
    ...['waiting', 'wiring', 'wiringChanges'],
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
