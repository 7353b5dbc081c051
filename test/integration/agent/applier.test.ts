import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import pg from 'pg';
import { DEFAULT_APPLIER_TIMING } from '../../../src/agent/applier.js';
import { agentMetrics } from '../../../src/agent/metrics.js';
import type { Agent } from '../../../src/agent/run-agent.js';
import { createAgent } from '../../../src/agent/run-agent.js';
import { livingMembers } from '../../../src/agent/runtime/process-group.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import { kamailioControl } from '../../../src/agent/servers/kamailio.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { DEFAULT_AGENT_TIMING } from '../../../src/agent/timing.js';
import { createMetrics } from '../../../src/http/metrics.js';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { isAlive } from '../../../src/lab/parts/daemon.js';
import type { PostgresOptions } from '../../../src/lab/parts/postgres.js';
import { postgresUrl, startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { AppliedRecord, NodeRecord } from '../../../src/topology/node.js';
import { setHash } from '../../../src/topology/set-hash.js';
import { StoreUnavailableError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { FakePublication, FakeView, silentLog } from '../../agent/support/fakes.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';
import { answersOptions, KamcmdRpc, kamailioFixture } from './kamailio-fixture.js';

const run = promisify(execFile);
const LIMIT_MS = 20_000;
const SCHEMA = '/usr/share/kamailio/postgres';
const net = loopbackNet();

let postgres: ProcessIdentity;
let options: PostgresOptions;
let pool: pg.Pool;
let rpc: KamcmdRpc;
let agent: Agent;
let end: Promise<void>;
let generation = 1;
const term = new AbortController();
const view = new FakeView();
const nodes = new FakePublication<NodeRecord>();
const applied = new FakePublication<AppliedRecord>();

before(async () => {
  const dir = testDir('applier');
  options = {
    dir: join(dir, 'pg'),
    host: '127.0.0.1',
    port: await freePort(),
    password: 'for-this-test-only',
    env: process.env,
  };
  postgres = await startPostgres(options);
  const url = postgresUrl(options, 'postgres');
  for (const file of ['standard-create.sql', 'dispatcher-create.sql']) {
    await run('psql', ['-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', join(SCHEMA, file), url]);
  }
  pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 1_000 });
  pool.on('error', () => undefined);
  await writeRows([row('a'), row('b')]);
  const kamailio = kamailioFixture(dir, `${net}.9`, 5060, [
    'loadmodule "db_postgres.so"',
    'loadmodule "dispatcher.so"',
    'modparam("db_postgres", "timeout", 2)',
    `modparam("dispatcher", "db_url", "${url.replace('postgresql:', 'postgres:')}")`,
    'modparam("dispatcher", "reload_delta", 0)',
  ]);
  rpc = new KamcmdRpc(kamailio.socket);
  agent = startAgent(dir, kamailio.args, kamailio.host, kamailio.port);
  end = agent.run(term.signal);
  end.catch(() => undefined);
  await waitUntil('up', LIMIT_MS, () => agent.state() === 'up');
});

after(async () => {
  term.abort();
  await end;
  await pool.end();
  await stopPostgres(postgres);
});

/** A real agent, process and Kamailio; only the registry is in memory. Without Kamailio's own pings. */
function startAgent(dir: string, args: readonly string[], host: string, port: number): Agent {
  const log = silentLog;
  const time = systemTimekeeper;
  const ping = async (timeoutMs: number) =>
    (await answersOptions(host, port, timeoutMs))
      ? ({ kind: 'answered', status: 200, latencyMs: 1 } as const)
      : ({ kind: 'silent', reason: 'timed out', isLocal: false } as const);
  return createAgent({
    identity: {
      nodeId: 'd1',
      role: 'dispatcher',
      kind: 'kamailio',
      dc: 'a',
      sip: [{ transport: 'udp', host, port }],
      weight: 50,
      maxSessions: 0,
      marathon: null,
      agent: { version: '0', http: null },
    },
    wiring: [{ consumer: 'dispatcher', target: 'media', setid: 30, selection: 'weight' }],
    runtime: processRuntime(
      { command: 'kamailio', args, env: process.env, cwd: dir, stateDir: dir },
      log,
      time,
    ),
    openControl: kamailioControl(rpc, ping, time.monoMs),
    kamailio: { rpc, table: { readTable }, publication: applied },
    publication: nodes,
    view,
    registryState: () => 'connected',
    time,
    timing: {
      ...DEFAULT_AGENT_TIMING,
      drain: { acknowledgeMs: 100, deadlineMs: 10_000, pollMs: 100 },
      applier: { ...DEFAULT_APPLIER_TIMING, resyncMs: 1_000 },
    },
    newId: randomUUID,
    metrics: agentMetrics(createMetrics()),
    log,
  });
}

function row(name: string, flags = 8, attrs = ''): DispatcherRow {
  const hosts: Readonly<Record<string, number>> = { a: 1, b: 2, c: 3 };
  const destination = `sip:${net}.${hosts[name] ?? 99}:5080`;
  return { setid: 30, destination, flags, priority: 0, attrs, description: 'carna:x' };
}

async function writeRows(rows: readonly DispatcherRow[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('delete from dispatcher');
    for (const r of rows) {
      await client.query(
        'insert into dispatcher (setid, destination, flags, priority, attrs, description) values ($1, $2, $3, $4, $5, $6)',
        [r.setid, r.destination, r.flags, r.priority, r.attrs, r.description],
      );
    }
    await client.query('commit');
  } finally {
    client.release();
  }
}

async function readTable(setids: readonly number[]): ReturnType<typeof readRows> {
  try {
    return await readRows(setids);
  } catch (err) {
    throw new StoreUnavailableError('no table', { cause: err });
  }
}

async function readRows(
  setids: readonly number[],
): Promise<{ generation: number; rows: DispatcherRow[] }> {
  const now = generation;
  const { rows } = await pool.query<DispatcherRow>(
    'select setid, destination, flags, priority, attrs, description from dispatcher where setid = any($1)',
    [[...setids]],
  );
  return { generation: now, rows };
}

/** Commits rows as a leader would and waits until they are acknowledged. */
async function commit(rows: readonly DispatcherRow[]): Promise<void> {
  await writeRows(rows);
  generation += 1;
  view.setGeneration(generation, { '30': setHash(rows) });
  await acknowledged();
}

async function acknowledged(): Promise<void> {
  await waitUntil(
    `generation ${generation}, last ${JSON.stringify(applied.current)}`,
    LIMIT_MS,
    () => applied.current?.generation === generation && applied.current.drift === null,
  );
}

/** The live list as words: a=AP b=DX. */
async function letters(): Promise<string> {
  const names = new Map(['a', 'b', 'c'].map((name) => [row(name).destination, name]));
  const list = await rpc.readDispatcherList();
  return list
    .map((dest) => `${names.get(dest.destination) ?? dest.destination}=${dest.letters}`)
    .sort()
    .join(' ');
}

test('what Kamailio loaded at its start is proven without a reload', async () => {
  assert.equal(rpc.reloads, 0);
  assert.equal(applied.current?.sets['30'], setHash([row('a'), row('b')]));
  assert.equal(await letters(), 'a=AP b=AP');
});

test('disabled and enabled by set_state, without a reload', async () => {
  await commit([row('a', 4), row('b')]);
  assert.equal(await letters(), 'a=DX b=AP');
  await commit([row('a'), row('b')]);
  assert.equal(await letters(), 'a=AP b=AP');
  assert.equal(rpc.reloads, 0);
});

test('whom Kamailio found silent stays so over the reload that a new row needs', async () => {
  await rpc.setDispatcherState('ip', 30, row('b').destination);
  await commit([row('a'), row('b'), row('c', 8, 'weight=20')]);
  assert.equal(await letters(), 'a=AP b=IP c=AP');
  assert.equal(rpc.reloads, 1);
});

test('a fresh 9 and its 8 go in at once', async () => {
  await commit([row('a', 9), row('b'), row('c', 8, 'weight=20')]);
  assert.equal(await letters(), 'a=IP b=IP c=AP');
  await commit([row('a', 8), row('b'), row('c', 8, 'weight=20')]);
  assert.equal(await letters(), 'a=AP b=IP c=AP');
});

test('a change inside the reload gap is not lost', async () => {
  await commit([row('a'), row('c')]);
  const before = rpc.reloads;
  await commit([row('a'), row('b'), row('c')]);
  assert.equal(await letters(), 'a=AP b=AP c=AP');
  assert.equal(rpc.reloads, before + 1);
});

test('drift made by hand is healed; in rest nothing is called', async () => {
  await rpc.setDispatcherState('d', 30, row('c').destination);
  await waitUntil('healed', LIMIT_MS, async () => (await letters()) === 'a=AP b=AP c=AP');
  await acknowledged();
  const before = [rpc.setStates, rpc.reloads, applied.history.length];
  let passes = 0;
  const read = rpc.readDispatcherList.bind(rpc);
  rpc.readDispatcherList = () => {
    passes += 1;
    return read();
  };
  await waitUntil('three resyncs', LIMIT_MS, () => passes >= 3);
  rpc.readDispatcherList = read;
  assert.deepEqual([rpc.setStates, rpc.reloads, applied.history.length], before);
});

test('a row that Kamailio refuses does not hold up the others', async () => {
  const bad: DispatcherRow = { ...row('c'), destination: 'sip:no such uri', attrs: '' };
  await writeRows([row('a'), row('b', 4), row('c'), bad]);
  generation += 1;
  view.setGeneration(generation, {});
  await waitUntil('told', LIMIT_MS, () => applied.current?.generation === generation);
  assert.match(applied.current?.drift ?? '', /no such uri is missing/);
  assert.equal(await letters(), 'a=AP b=DX c=AP');
  await commit([row('a'), row('b'), row('c')]);
});

test('a table emptied behind the leader empties no list', async () => {
  await pool.query('delete from dispatcher');
  await waitUntil('told', LIMIT_MS, () => applied.current?.drift?.includes('kept') === true);
  assert.equal(await letters(), 'a=AP b=AP c=AP');
  await commit([row('a'), row('b'), row('c')]);
});

test('the main process killed: told as down, then up as another instance with a proven list', async (t) => {
  await commit([row('a'), row('b', 4), row('c')]);
  const first = nodes.current?.instanceId;
  const seen = nodes.history.length;
  const pid = Number(/\[(\d+)\]|PID: (\d+)/.exec(await rpc.call('core.psx'))?.[2]);
  assert.ok(livingMembers(pid).length > 3, 'the first of core.psx is the leader of the group');
  process.kill(pid, 'SIGKILL');
  await waitUntil('up again', LIMIT_MS, () => nodes.current?.instanceId !== first);
  await waitUntil('up again', LIMIT_MS, () => nodes.current?.state === 'up');
  const [down, up] = [nodes.history[seen], nodes.current];
  t.diagnostic(`down to up ${((up?.since ?? 0) - (down?.since ?? 0)).toFixed(0)} ms`);
  assert.equal(down?.state, 'down');
  assert.equal(down.reason, 'its process was killed (SIGKILL)');
  assert.deepEqual(livingMembers(pid), []);
  assert.equal(await letters(), 'a=AP b=DX c=AP');
  assert.equal(applied.current?.drift, null);
});

test('the database stopped: the list is kept, the node stays up, and it is right soon after its return', async () => {
  await stopPostgres(postgres);
  assert.equal(isAlive(postgres), false);
  await waitUntil('told', LIMIT_MS, () => applied.current?.drift?.includes('database') === true);
  assert.equal(await letters(), 'a=AP b=DX c=AP');
  assert.equal(agent.state(), 'up');
  postgres = await startPostgres(options);
  await commit([row('a'), row('b'), row('c')]);
  assert.equal(await letters(), 'a=AP b=AP c=AP');
});

test('a reload that waits for a hung database blocks RPC, and is not taken for an illness of Kamailio', async () => {
  const seen = nodes.history.length;
  process.kill(postgres.pid, 'SIGSTOP');
  try {
    await writeRows([row('a'), row('b'), row('c', 8, 'cc=1')]);
    generation += 1;
    view.setGeneration(generation, {});
    await waitUntil(
      'told',
      LIMIT_MS,
      () => applied.current?.drift?.includes('did not help') === true,
    );
  } finally {
    process.kill(postgres.pid, 'SIGCONT');
  }
  assert.equal(agent.state(), 'up');
  const told = nodes.history.slice(seen).map((record) => record?.state);
  assert.deepEqual(
    told.filter((state) => state !== 'up'),
    [],
  );
  await commit([row('a'), row('b'), row('c')]);
});

test('SIGTERM: drained, goodbye said, Kamailio refuses before it ends, nothing is left', async () => {
  const pid = Number(/PID: (\d+)/.exec(await rpc.call('core.psx'))?.[1]);
  const variables: string[] = [];
  const set = rpc.setSharedVariable.bind(rpc);
  rpc.setSharedVariable = async (name, value) => {
    await set(name, value);
    variables.push(await rpc.call('pv.shvGet', name));
  };
  const seen = nodes.history.length;
  term.abort();
  await end;
  assert.deepEqual(
    nodes.history.slice(seen).map((record) => record?.state ?? 'gone'),
    ['draining', 'down', 'gone'],
  );
  assert.equal(nodes.history.at(-2)?.reason, 'drained');
  assert.equal(applied.current, null);
  assert.equal(variables.length, 1);
  assert.match(variables[0] ?? '', /drain.*1/s);
  assert.deepEqual(livingMembers(pid), []);
});
