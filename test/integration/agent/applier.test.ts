import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { livingMembers } from '../../../src/agent/runtime/process-group.js';
import { isAlive } from '../../../src/lab/parts/daemon.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { setHash } from '../../../src/topology/set-hash.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import { AgentRig, LIMIT_MS } from './agent-rig.js';

let rig: AgentRig;

before(async () => {
  rig = await AgentRig.open(loopbackNet(), 'applier');
  await rig.database.writeRows([rig.row('a'), rig.row('b')]);
  await rig.start();
});

after(async () => rig.close());

test('what Kamailio loaded at its start is proven without a reload', async () => {
  assert.equal(rig.rpc.reloads, 0);
  assert.equal(rig.applied.current?.sets['30'], setHash([rig.row('a'), rig.row('b')]));
  assert.equal(await rig.letters(), 'a=AP b=AP');
});

test('disabled and enabled by set_state, without a reload', async () => {
  await rig.commit([rig.row('a', 4), rig.row('b')]);
  assert.equal(await rig.letters(), 'a=DX b=AP');
  await rig.commit([rig.row('a'), rig.row('b')]);
  assert.equal(await rig.letters(), 'a=AP b=AP');
  assert.equal(rig.rpc.reloads, 0);
});

test('whom Kamailio found silent stays so over the reload that a new row needs', async () => {
  await rig.rpc.setDispatcherState('ip', 30, rig.row('b').destination);
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c', 8, 'weight=20')]);
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP');
  assert.equal(rig.rpc.reloads, 1);
});

test('a fresh 9 and its 8 go in at once', async () => {
  await rig.commit([rig.row('a', 9), rig.row('b'), rig.row('c', 8, 'weight=20')]);
  assert.equal(await rig.letters(), 'a=IP b=IP c=AP');
  await rig.commit([rig.row('a', 8), rig.row('b'), rig.row('c', 8, 'weight=20')]);
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP');
});

test('a change inside the reload gap is not lost', async () => {
  await rig.commit([rig.row('a'), rig.row('c')]);
  const before = rig.rpc.reloads;
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
  assert.equal(await rig.letters(), 'a=AP b=AP c=AP');
  assert.equal(rig.rpc.reloads, before + 1);
});

test('drift made by hand is healed; in rest nothing is called', async () => {
  await rig.rpc.setDispatcherState('d', 30, rig.row('c').destination);
  await waitUntil('healed', LIMIT_MS, async () => (await rig.letters()) === 'a=AP b=AP c=AP');
  await rig.acknowledged();
  const before = [rig.rpc.setStates, rig.rpc.reloads, rig.applied.history.length];
  let passes = 0;
  const read = rig.rpc.readDispatcherList.bind(rig.rpc);
  rig.rpc.readDispatcherList = () => {
    passes += 1;
    return read();
  };
  await waitUntil('three resyncs', LIMIT_MS, () => passes >= 3);
  rig.rpc.readDispatcherList = read;
  assert.deepEqual([rig.rpc.setStates, rig.rpc.reloads, rig.applied.history.length], before);
});

test('a row that Kamailio refuses does not hold up the others', async () => {
  const bad: DispatcherRow = { ...rig.row('c'), destination: 'sip:no such uri', attrs: '' };
  await rig.publish([rig.row('a'), rig.row('b', 4), rig.row('c'), bad], {});
  await waitUntil('told', LIMIT_MS, () => rig.applied.current?.generation === rig.generation);
  assert.match(rig.applied.current?.drift ?? '', /no such uri is missing/);
  assert.equal(await rig.letters(), 'a=AP b=DX c=AP');
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
});

test('a table emptied behind the leader empties no list', async () => {
  await rig.database.pool.query('delete from dispatcher');
  await waitUntil('told', LIMIT_MS, () => rig.applied.current?.drift?.includes('kept') === true);
  assert.equal(await rig.letters(), 'a=AP b=AP c=AP');
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
});

test('the main process killed: told as down, then up as another instance with a proven list', async (t) => {
  await rig.commit([rig.row('a'), rig.row('b', 4), rig.row('c')]);
  const first = rig.nodes.current?.instanceId;
  const seen = rig.nodes.history.length;
  const pid = Number(/\[(\d+)\]|PID: (\d+)/.exec(await rig.rpc.call('core.psx'))?.[2]);
  assert.ok(livingMembers(pid).length > 3, 'the first of core.psx is the leader of the group');
  process.kill(pid, 'SIGKILL');
  await waitUntil('up again', LIMIT_MS, () => rig.nodes.current?.instanceId !== first);
  await waitUntil('up again', LIMIT_MS, () => rig.nodes.current?.state === 'up');
  const [down, up] = [rig.nodes.history[seen], rig.nodes.current];
  t.diagnostic(`down to up ${((up?.since ?? 0) - (down?.since ?? 0)).toFixed(0)} ms`);
  assert.equal(down?.state, 'down');
  assert.equal(down.reason, 'its process was killed (SIGKILL)');
  assert.deepEqual(livingMembers(pid), []);
  assert.equal(await rig.letters(), 'a=AP b=DX c=AP');
  assert.equal(rig.applied.current?.drift, null);
});

test('the database stopped: the list is kept, the node stays up, and it is right soon after its return', async () => {
  await rig.database.stop();
  assert.equal(isAlive(rig.database.server), false);
  await waitUntil(
    'told',
    LIMIT_MS,
    () => rig.applied.current?.drift?.includes('database') === true,
  );
  assert.equal(await rig.letters(), 'a=AP b=DX c=AP');
  assert.equal(rig.agent.state(), 'up');
  await rig.database.start();
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
  assert.equal(await rig.letters(), 'a=AP b=AP c=AP');
});

test('a reload that waits for a hung database blocks RPC, and is not taken for an illness of Kamailio', async () => {
  const seen = rig.nodes.history.length;
  process.kill(rig.database.server.pid, 'SIGSTOP');
  try {
    await rig.publish([rig.row('a'), rig.row('b'), rig.row('c', 8, 'cc=1')], {});
    await waitUntil(
      'told',
      LIMIT_MS,
      () => rig.applied.current?.drift?.includes('did not help') === true,
    );
  } finally {
    process.kill(rig.database.server.pid, 'SIGCONT');
  }
  assert.equal(rig.agent.state(), 'up');
  const told = rig.nodes.history.slice(seen).map((record) => record?.state);
  assert.deepEqual(
    told.filter((state) => state !== 'up'),
    [],
  );
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
});

test('SIGTERM: drained, goodbye said, Kamailio refuses before it ends, nothing is left', async () => {
  const pid = Number(/PID: (\d+)/.exec(await rig.rpc.call('core.psx'))?.[1]);
  const variables: string[] = [];
  const set = rig.rpc.setSharedVariable.bind(rig.rpc);
  rig.rpc.setSharedVariable = async (name, value) => {
    await set(name, value);
    variables.push(await rig.rpc.call('pv.shvGet', name));
  };
  const seen = rig.nodes.history.length;
  await rig.stop();
  assert.deepEqual(
    rig.nodes.history.slice(seen).map((record) => record?.state ?? 'gone'),
    ['draining', 'down', 'gone'],
  );
  assert.equal(rig.nodes.history.at(-2)?.reason, 'drained');
  assert.equal(rig.applied.current, null);
  assert.equal(variables.length, 1);
  assert.match(variables[0] ?? '', /drain.*1/s);
  assert.deepEqual(livingMembers(pid), []);
});
