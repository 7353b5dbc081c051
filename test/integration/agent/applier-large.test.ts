import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import { ApplierRig, LIMIT_MS, shipped } from './applier-rig.js';

/** Tables as large as one reply of Kamailio's RPC carries, and larger, with the shipped parameters. */

const net = loopbackNet();
const PER_SET = 128 * shipped('ctl', 'binrpc_struct_max_body_size');
let rig: ApplierRig;

before(async () => {
  rig = await ApplierRig.open(net, 'applier-large');
  await rig.database.writeRows(many(30, 10));
  await rig.start();
});

after(async () => rig.close());

function many(setid: number, count: number, flags = 8): DispatcherRow[] {
  return Array.from({ length: count }, (_, i) => ({
    setid,
    destination: `sip:10.${setid}.${i >> 8}.${i & 255}:5060`,
    flags,
    priority: 0,
    attrs: 'weight=50;rweight=50',
    description: `carna:n${i}`,
  }));
}

test('12,000 rows over two sets, 10,000 of them in one, are loaded, read back and acknowledged', async (t) => {
  const rows = [...many(20, 2_000), ...many(30, 10_000)];
  const began = performance.now();
  await rig.commit(rows);
  await rig.acknowledged();
  t.diagnostic(`to the proof in ${(performance.now() - began).toFixed(0)} ms`);
  assert.equal((await rig.rpc.readDispatcherList()).length, 12_000);
  const before = rig.reloads;
  await rig.commit([...many(20, 2_000, 4), ...many(30, 10_000)]);
  await rig.acknowledged();
  assert.equal(rig.reloads, before, 'a drain needs no reload, however large the table');
});

test('beyond what a reply carries: served, kept up to date, owned up to, and not reloaded again and again', async () => {
  const rows = [...many(20, 10), ...many(30, PER_SET + 1)];
  const proven = rig.generation;
  await rig.commit(rows);
  await rig.told(/^proof impossible: dispatcher.list answers "Internal error/);
  assert.equal(rig.applied.current?.generation, proven, 'what nobody saw is not acknowledged');
  assert.equal(rig.applier.isProven, true, 'the node serves');
  const [reloads, states] = [rig.reloads, await rig.metric('carna_agent_set_states_total')];
  let reads = 0;
  const read = rig.rpc.readDispatcherList.bind(rig.rpc);
  rig.rpc.readDispatcherList = () => {
    reads += 1;
    return read();
  };
  await waitUntil('three more looks', LIMIT_MS, () => reads >= 3);
  assert.equal(rig.reloads, reloads);
  await rig.commit([...many(20, 9), ...many(20, 10, 4).slice(9), ...many(30, PER_SET + 1)]);
  await waitUntil(
    'the drain went in',
    LIMIT_MS,
    async () => (await rig.metric('carna_agent_set_states_total')) === states + 1,
  );
  assert.equal(rig.reloads, reloads);
});

test('an agent that begins beside such a list lets the node serve; once it is shorter it is proven', async () => {
  rig.applier.serverStarted();
  await waitUntil('serves', LIMIT_MS, () => rig.applier.isProven);
  await rig.commit([...many(20, 9), ...many(20, 10, 4).slice(9), ...many(30, 100)]);
  await rig.acknowledged();
  const drained = many(20, 10)[9]?.destination;
  const list = await rig.rpc.readDispatcherList();
  assert.equal(list.find((dest) => dest.destination === drained)?.letters, 'DX');
});
