import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { parseAgentReport } from '../../src/cli/explain-report-codec.js';
import type { AgentReport } from '../../src/topology/explain-facts.js';
import {
  InvalidInputError,
  RegistryNotSentError,
  ServerUnavailableError,
  StoreUnavailableError,
} from '../../src/util/errors.js';
import * as p from './support.js';

const REPORT: AgentReport = {
  nodeId: 'media-1',
  registry: 'connected',
  calls: 61,
  server: { name: 'process 812', starts: 1, lastExit: null },
  health: { isUp: true, streak: 0 },
  checks: ['esl', 'sip', 'sessions'].map((check) => ({
    check,
    verdict: 'ok',
    latencyMs: 0.44,
    text: 'fine',
    atMs: p.NOW - 900,
    sinceMs: p.NOW - 60_000,
  })),
  notes: [],
  quarantine: null,
};

const NODES = [p.LB, p.DISP1, p.DISP2, { ...p.MEDIA1, weight: 100 }, p.MEDIA2, p.MEDIA10];
const HEALTHY: Partial<OperatorData> = {
  readTopology: async () => p.topology({ nodes: NODES }),
  readAgentReport: async () => REPORT,
};

test('a healthy node: the answer first, every link, and calls reach it', async () => {
  const { code, out, err } = await p.carna('explain media-1', p.fakeData(HEALTHY));
  assert.equal(out, WHOLE.slice(1));
  assert.deepEqual([code, err], [0, '']);
});

const WHOLE = `
media-1 gets calls from 2 of 2 dispatchers.
media · data 0.3 s old

 ✔ process   process 812 runs
 ✔ checks    3 of 3 good (esl, sip, sessions), slowest 0.4 ms, 0.9 s ago
 ✔ registry  published as up by its agent 0.1.0, for 3 d
 ✔ intent    none
 ✔ guard     nothing is held, the witness has no doubt; rec-2 leads
 ✔ row       set 30 active (flags 8), as it should be; generation 1842 committed, 60 s ago
 ✔ live      set 30: disp-1 active (AP) · disp-2 active (AP), just now
 ✔ calls     calls reach it; 61/1000 calls, load normal
`;

/** One dispatcher alone finds media-1 unreachable. */
const FIREWALL: Partial<OperatorData> = {
  ...HEALTHY,
  readLive: async ({ nodeId, role }) => {
    const letters = nodeId === 'disp-2' ? 'IP' : 'AP';
    return { nodeId, role, list: p.TABLE.map((r) => ({ ...r, letters })), readAtMs: p.NOW };
  },
};

test('a broken link ends it: what it means for calls, what to do; 80 columns', async () => {
  const terminal = { columns: 80, env: { NO_COLOR: '1' } };
  const { code, out } = await p.carna('explain media-1', p.fakeData(FIREWALL), terminal);
  assert.equal(out, BROKEN.slice(1));
  assert.equal(code, 1);
});

const BROKEN = `
media-1 gets calls from 1 of 2 dispatchers: disp-2 gets no answer to its own
OPTIONS.
media · data 0.3 s old

 ✔ process   process 812 runs
 ✔ checks    3 of 3 good (esl, sip, sessions), slowest 0.4 ms, 0.9 s ago
 ✔ registry  published as up by its agent 0.1.0, for 3 d
 ✔ intent    none
 ✔ guard     nothing is held, the witness has no doubt; rec-2 leads
 ✔ row       set 30 active (flags 8), as it should be; generation 1842
             committed, 60 s ago
 ✘ live      set 30: disp-1 active (AP) · disp-2 inactive (IP), just now

The others get answers: likely a firewall or a route between disp-2 and this
node.
  Next: on the host of disp-2: sipsak -vv -s sip:10.0.3.1:5060
        carna explain disp-2
        carna dispatcher --set 30
`;

test('a drain tells who, why and the time left', async () => {
  const readTopology = async () =>
    p.topology({ nodes: NODES, intents: p.byId([p.intent('media-1')]) });
  const { code, out } = await p.carna('explain media-1', p.fakeData({ ...HEALTHY, readTopology }));
  assert.equal(code, 1);
  assert.match(
    out,
    /✘ intent {4}drain asked by ann: kernel update, not yet announced by its agent, 46 min left\n/,
  );
  assert.match(out, /Next: carna drain media-1 --wait\n {8}take it back: carna undrain media-1\n/);
});

test('--json has the chain, with stable names', async () => {
  const { out } = await p.carna('explain media-1 --json', p.fakeData(FIREWALL));
  const said = JSON.parse(out) as Record<string, unknown> & { links: Record<string, unknown>[] };
  assert.deepEqual(Object.keys(said).sort(), [
    ...['answer', 'asOfMs', 'broken', 'cluster', 'dc', 'fault', 'isFresh', 'isWhole', 'links'],
    ...['meaning', 'next', 'nodeId', 'reach', 'role', 'schema'],
  ]);
  const { isWhole, broken, fault, reach } = said;
  assert.deepEqual([isWhole, broken, fault], [false, 'live', 'probed-out']);
  assert.deepEqual(reach, { sending: ['disp-1'], refraining: ['disp-2'], unknown: [] });
  assert.deepEqual(Object.keys(said.links[0] ?? {}).sort(), [
    ...['atMs', 'details', 'link', 'sinceMs', 'state', 'text', 'untilMs'],
  ]);
});

test('an agent that cannot be asked from here is a doubt, not a break', async () => {
  const cause = new Error('connect ECONNREFUSED 10.0.3.1:9090');
  const readAgentReport = async () => {
    throw new ServerUnavailableError('http://10.0.3.1:9090/healthz: no answer', { cause });
  };
  const { code, out } = await p.carna(
    'explain media-1',
    p.fakeData({ ...HEALTHY, readAgentReport }),
  );
  assert.equal(code, 0);
  assert.match(out, /dispatchers, as far as can be seen from here\.\n/);
  assert.match(
    out,
    /\? process {3}not seen: its agent at 10\.0\.3\.1:9090 did not answer from here \(connect ECONNREFUSED\)/,
  );
});

test('an unknown name: the closest ones, those of silent nodes too', async () => {
  const readTable = async () => [...p.TABLE, p.row(30, 'media-77', '10.0.3.77')];
  const { code, out, err } = await p.carna(
    'explain media-7',
    p.fakeData({ ...HEALTHY, readTable }),
  );
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /no node is called media-7\n {2}there are: media-77, media-1, /);
});

test('a node without a znode is explained by its row', async () => {
  const readTable = async () => [...p.TABLE, p.row(30, 'media-77', '10.0.3.77')];
  const { code, out } = await p.carna('explain media-77', p.fakeData({ ...HEALTHY, readTable }));
  assert.equal(code, 1);
  assert.match(out, /✘ registry {2}its znode vanished without a goodbye/);
});

test('PostgreSQL or ZooKeeper away: exit code 3', async () => {
  const readTable = async () => {
    throw new StoreUnavailableError('PostgreSQL does not answer');
  };
  const half = await p.carna('explain media-1', p.fakeData({ ...HEALTHY, readTable }));
  assert.equal(half.code, 3);
  assert.match(half.out, /\? row {7}the table could not be read: PostgreSQL does not answer/);
  const readTopology = async () => {
    throw new RegistryNotSentError('ZooKeeper is away');
  };
  const none = await p.carna('explain media-1', p.fakeData({ readTopology }));
  assert.deepEqual([none.code, none.out], [3, '']);
  const stale = async () => p.topology({ nodes: NODES, isFresh: false });
  const old = await p.carna('explain media-1', p.fakeData({ ...HEALTHY, readTopology: stale }));
  assert.equal(old.code, 3);
  assert.match(old.out, /STALE: ZooKeeper is away/);
});

for (const columns of [40, 80]) {
  test(`explain never writes wider than ${columns} columns and keeps its words`, async () => {
    for (const data of [HEALTHY, FIREWALL]) {
      const terminal = { columns, env: { NO_COLOR: '1' } };
      const { out } = await p.carna('explain media-1', p.fakeData(data), terminal);
      for (const line of out.split('\n')) assert.ok([...line].length <= columns, line);
    }
  });
}

test('text from outside cannot move the cursor', async () => {
  const evil = p.topology({
    nodes: [...NODES.slice(0, 3), { ...p.MEDIA1, state: 'down', reason: 'x\x1b[2Jy' }],
  });
  const readAgentReport = async () => ({
    ...REPORT,
    server: { name: 'p\x07', starts: 1, lastExit: null },
  });
  const { out } = await p.carna(
    'explain media-1',
    p.fakeData({ readTopology: async () => evil, readAgentReport }),
  );
  assert.match(out, /x\?\[2Jy/);
  assert.ok(!out.includes('\x1b') && !out.includes('\x07'));
});

test('an agent’s report is read leniently: what cannot be understood counts as not told', () => {
  const empty = {
    ...{ nodeId: null, registry: null, calls: null, server: null, health: null },
    ...{ checks: [], notes: [], quarantine: null },
  };
  assert.deepEqual(parseAgentReport('x', { server: 7, checks: 'none', calls: -1 }), empty);
  const [good] = REPORT.checks;
  const checks = [{ check: 'sip' }, { ...good, more: 1 }];
  assert.deepEqual(parseAgentReport('x', { ...REPORT, checks }), { ...REPORT, checks: [good] });
  assert.throws(() => parseAgentReport('x', 'hello'), InvalidInputError);
});
