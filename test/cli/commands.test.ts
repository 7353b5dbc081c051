import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { StoreUnavailableError } from '../../src/util/errors.js';
import * as p from './support.js';
import { CHANGE } from './change.js';
import { golden } from './golden.js';

/** One media node down, one asked to drain, one silent, one dispatcher without a proof. */
const SICK: Partial<OperatorData> = {
  readTopology: async () =>
    p.topology({
      nodes: [
        p.LB,
        p.DISP1,
        p.DISP2,
        p.MEDIA1,
        { ...p.MEDIA2, state: 'down', reason: 'exited (signal 11)', since: p.NOW - 14_000 },
        p.MEDIA10,
      ],
      intents: p.byId([p.intent('media-10')]),
      applied: p.byId([p.applied(p.LB), p.applied(p.DISP1)]),
    }),
  readTable: async () => [...p.TABLE, p.row(30, 'media-77', '10.0.3.77', 9)],
  readAgentHealth: async () => ({ nodeId: null, state: 'up', calls: 61, drain: null }),
};

test('topology in a pipe: the answer first, the tree, what is wrong and what to do', async () => {
  const { code, out, err } = await p.carna('topology', p.fakeData(SICK));
  assert.equal(out, golden(SICK_TREE));
  assert.deepEqual([code, err], [0, '']);
});

const SICK_TREE = `
prod · dc1 · generation 1,842, proven on 2 of 3 Kamailios · leader rec-2 (epoch 17) · data 0.3 s old

load-balancer  ● 1  61 calls
│  ● up  lb-1  10.0.1.1:5060  61 calls  for 3 d
└─ dispatcher  ● 2  122 calls  set 10 on 1/1 load-balancer
   │  ● up  disp-1  10.0.2.1:5060  61 calls  for 3 d
   │  ● up  disp-2  10.0.2.2:5060  61 calls  for 3 d
   └─ media  ● 1 ◐ 1 ○ 1 ? 1  183/3,000 calls  set 30 on 1/2 dispatchers
         ● up        media-1   10.0.3.1:5060   61/1,000 calls  for 3 d
         ○ down      media-2   10.0.3.2:5060   61/1,000 calls  for 14 s, exited (signal 11)
         ◐ draining  media-10  10.0.3.10:5060  61/1,000 calls  for 3 d, drain asked, not yet announced by its agent, 46 min left, by ann: kernel update
         ? silent    media-77  10.0.3.77:5060                  its znode vanished without a goodbye

3 problems
  media-2 is down: exited (signal 11)  → carna timeline --node media-2
  media-77 is silent: its znode vanished without a goodbye  → carna timeline --node media-77
  disp-2 does not prove set 30: has proved nothing yet  → carna dispatcher
`;

test('topology fits 60 columns and keeps reasons of problems', async () => {
  const { out } = await p.carna('topology', p.fakeData(SICK), {
    columns: 60,
    env: { NO_COLOR: '1' },
  });
  for (const line of out.split('\n')) assert.ok([...line].length <= 60, line);
  assert.equal(out, golden(SICK_NARROW));
});

const SICK_NARROW = `
prod · dc1 · generation 1,842, proven on 2 of 3 Kamailios
leader rec-2 (epoch 17) · data 0.3 s old

load-balancer  ● 1  61 calls
│  ● up  lb-1  10.0.1.1:5060  61 calls  for 3 d
└─ dispatcher  ● 2  122 calls  set 10 on 1/1 load-balancer
   │  ● up  disp-1  10.0.2.1:5060  61 calls  for 3 d
   │  ● up  disp-2  10.0.2.2:5060  61 calls  for 3 d
   └─ media  ● 1 ◐ 1 ○ 1 ? 1  183/3,000 calls
           set 30 on 1/2 dispatchers
         ● up        media-1   61/1,000 calls  for 3 d
         ○ down      media-2   61/1,000 calls  for 14 s, ex…
         ◐ draining  media-10  61/1,000 calls  for 3 d, dra…
         ? silent    media-77                  its znode va…

3 problems
  media-2 is down: exited (signal 11)
    → carna timeline --node media-2
  media-77 is silent: its znode vanished without a goodbye
    → carna timeline --node media-77
  disp-2 does not prove set 30: has proved nothing yet
    → carna dispatcher
`;

for (const columns of [60, 80, 120]) {
  for (const line of ['topology', 'nodes', 'dispatcher', 'timeline']) {
    test(`${line} never writes wider than ${columns} columns`, async () => {
      const data = p.fakeData({ ...SICK, readChanges: async () => [CHANGE] });
      const { out } = await p.carna(line, data, { columns, env: { NO_COLOR: '1' } });
      assert.ok(out.length > 100);
      for (const text of out.split('\n')) assert.ok([...text].length <= columns, text);
    });
  }
}

test('colour on a terminal, none in a pipe, NO_COLOR and dumb terminals obeyed, FORCE_COLOR too', async () => {
  const esc = '\x1b[32m●';
  const on = async (terminal: p.Terminal): Promise<boolean> =>
    (await p.carna('topology', p.fakeData(), terminal)).out.includes(esc);
  assert.equal(await on({ columns: 80 }), true);
  assert.equal(await on({}), false);
  assert.equal(await on({ columns: 80, env: { NO_COLOR: '1' } }), false);
  assert.equal(await on({ columns: 80, env: { TERM: 'dumb' } }), false);
  assert.equal(await on({ env: { FORCE_COLOR: '1' } }), true);
  assert.equal(await on({ env: { FORCE_COLOR: '1', NO_COLOR: '1' } }), false);
});

test('stale data says so in the first line and in the exit code', async () => {
  const readTopology = async () => p.topology({ isFresh: false, asOfMs: p.NOW - 42_000 });
  for (const line of ['topology', 'nodes']) {
    const { code, out } = await p.carna(line, p.fakeData({ readTopology }));
    assert.match(out.split('\n')[0] ?? '', /STALE: ZooKeeper is away, this is 42 s old/);
    assert.equal(code, 3);
  }
});

test('topology works without PostgreSQL and says what is missing', async () => {
  const readTable = async () => {
    throw new StoreUnavailableError('PostgreSQL is away');
  };
  const { code, out } = await p.carna('topology', p.fakeData({ readTable }));
  assert.match(out, /silent nodes are not shown: PostgreSQL is away/);
  assert.equal(code, 0);
  const table = await p.carna('dispatcher', p.fakeData({ readTable }));
  assert.equal(table.code, 3);
  assert.match(table.err, /^error: PostgreSQL is away\n {2}next: /);
});

test('topology --json is one documented object', async () => {
  const { out } = await p.carna('topology --json', p.fakeData(SICK));
  assert.equal(out.split('\n').length, 2);
  const shape = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual(Object.keys(shape), [
    ...['schema', 'cluster', 'dc', 'asOfMs', 'isFresh', 'leader', 'generation', 'consumers'],
    ...['proven', 'roles', 'remotes', 'tasks', 'problems', 'loads', 'tableError', 'marathonError'],
  ]);
});

test('control characters of a record do not reach the terminal', async () => {
  const nodes = [{ ...p.MEDIA1, state: 'down' as const, reason: 'x\x1b[2Jy\nz' }];
  for (const line of ['topology', 'nodes']) {
    const data = p.fakeData({ readTopology: async () => p.topology({ nodes }) });
    const { out } = await p.carna(line, data);
    assert.doesNotMatch(out, /\x1b/);
    assert.match(out, /x\?\[2Jy\?z/);
  }
});

test('nodes: a table, filters, and exit code 1 when nothing matches', async () => {
  const { out } = await p.carna('nodes --role media', p.fakeData(SICK));
  assert.equal(out, golden(NODES));
  const none = await p.carna('nodes --role outbound');
  assert.deepEqual([none.code, none.out], [1, 'none of 6 nodes matches · data 0.3 s old\n']);
  const down = await p.carna('nodes --state down --json', p.fakeData(SICK));
  const { nodes } = JSON.parse(down.out) as { nodes: { nodeId: string }[] };
  assert.deepEqual(
    nodes.map((node) => node.nodeId),
    ['media-2'],
  );
});

const NODES = `
4 nodes: ● 1 up, ◐ 1 draining, ○ 1 down, ? 1 silent · data 0.3 s old
STATE       NODE      ROLE   SIP                 SETS  WEIGHT  SINCE, WHY
● up        media-1   media  sip:10.0.3.1:5060   30         1  for 3 d
○ down      media-2   media  sip:10.0.3.2:5060   30         1  for 14 s, exited (signal 11)
◐ draining  media-10  media  sip:10.0.3.10:5060  30         1  for 3 d, drain asked, not yet announced by its agent, 46 min left, by ann: kernel update
? silent    media-77  media  sip:10.0.3.77:5060  30            its znode vanished without a goodbye
`;
