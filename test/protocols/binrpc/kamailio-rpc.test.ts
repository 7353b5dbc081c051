import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinrpcDecoder } from '../../../src/protocols/binrpc/codec.js';
import type { RpcPort } from '../../../src/protocols/binrpc/rpc-reply.js';
import {
  readDispatcherList,
  reloadDispatcher,
  setDispatcherPinging,
  setDispatcherState,
} from '../../../src/protocols/binrpc/dispatcher-rpc.js';
import {
  readDialogCounts,
  readSharedMemory,
  readTmStats,
  readUptimeSeconds,
  readVersion,
  setSharedVariable,
} from '../../../src/protocols/binrpc/kamailio-rpc.js';
import type { BinrpcValue } from '../../../src/protocols/binrpc/value.js';
import { BinrpcFaultError, DeadlineError, ProtocolError } from '../../../src/util/errors.js';
import { recordedIn } from './transcripts.js';

/** Answers every call with the first exchange of a transcript. */
function recordedPort(prefix: string): RpcPort {
  return {
    call: async (method) => {
      const [message] = new BinrpcDecoder().push(recordedIn(prefix)[0]?.reply ?? Buffer.alloc(0));
      if (message?.kind === 'reply') return message.values;
      throw new BinrpcFaultError(method, message?.code ?? 0, message?.text ?? '');
    },
  };
}

const port = (answer: () => readonly BinrpcValue[]): RpcPort => ({ call: async () => answer() });
const fault = (text: string, code = 500): RpcPort =>
  port(() => {
    throw new BinrpcFaultError('method', code, text);
  });

test('a recorded list becomes destinations', async () => {
  const attrs = (n: number): string => `duid=uas${n};maxload=100;weight=50;rweight=50`;
  assert.deepEqual(await readDispatcherList(recordedPort('10_')), [
    { setid: 2, destination: 'sip:127.0.7.13:25080', letters: 'IP', priority: 10, attrs: '' },
    { setid: 1, destination: 'sip:127.0.7.12:25080', letters: 'AP', priority: 0, attrs: attrs(2) },
    { setid: 1, destination: 'sip:127.0.7.11:25080', letters: 'AP', priority: 0, attrs: attrs(1) },
  ]);
});

test('no sets at all are an empty list; any other fault is an error', async () => {
  assert.deepEqual(await readDispatcherList(fault('No Destination Sets')), []);
  await assert.rejects(readDispatcherList(fault('Internal error creating dest')), BinrpcFaultError);
});

test('a list that says less than it announces is refused', async () => {
  const list: BinrpcValue = {
    kind: 'struct',
    members: [
      { name: 'NRSETS', value: { kind: 'int', value: 1 } },
      { name: 'RECORDS', value: { kind: 'struct', members: [] } },
    ],
  };
  await assert.rejects(readDispatcherList(port(() => [list])), /1 sets announced, 0 found/);
  await assert.rejects(readDispatcherList(port(() => [])), ProtocolError);
  await assert.rejects(readDispatcherList(port(() => [list, list])), ProtocolError);
  await assert.rejects(readDispatcherList(recordedPort('00_')), ProtocolError);
});

test('the three answers of a reload', async () => {
  assert.deepEqual(await reloadDispatcher(recordedPort('13_')), { kind: 'ok' });
  assert.deepEqual(await reloadDispatcher(fault('Ongoing reload')), { kind: 'too-early' });
  assert.deepEqual(await reloadDispatcher(fault('Reload Failed')), {
    kind: 'failed',
    text: 'Reload Failed',
  });
  const late = port(() => {
    throw new DeadlineError('dispatcher.reload', 5);
  });
  await assert.rejects(reloadDispatcher(late), DeadlineError);
});

test('parameters go out with the types that Kamailio wants', async () => {
  const calls: unknown[] = [];
  const rpc: RpcPort = {
    call: async (...call) => {
      calls.push(call);
      return [];
    },
  };
  await setDispatcherState(rpc, 'ip', 30, 'sip:10.0.0.1:5060', 500);
  await setSharedVariable(rpc, 'drain', 1);
  assert.deepEqual(calls, [
    ['dispatcher.set_state', ['ip', 30, 'sip:10.0.0.1:5060'], 500],
    ['pv.shvSet', ['drain', 'int', 1], undefined],
  ]);
});

test('recorded statistics', async () => {
  assert.deepEqual(await readTmStats(recordedPort('41_')), {
    current: 48,
    waiting: 18,
    total: 133,
    created: 133,
    freed: 85,
  });
  assert.equal(await readUptimeSeconds(recordedPort('01_')), 43);
  assert.equal(await readVersion(recordedPort('00_')), 'kamailio 5.6.3 (x86_64/linux)');
  assert.deepEqual(await readDialogCounts(recordedPort('38_')), {
    starting: 0,
    connecting: 0,
    answering: 0,
    ongoing: 3,
    all: 3,
  });
  assert.equal(await readDialogCounts(fault('command dlg.stats_active not found')), null);
  await assert.rejects(readTmStats(recordedPort('38_')), /expected a struct with current/);
});

test('shared memory: what is really gone counts, and 32 bits are enough in KiB', async () => {
  const memory = await readSharedMemory(recordedPort('05_'));
  assert.deepEqual(memory, {
    totalKib: 268435456,
    freeKib: 264995616,
    usedKib: 3439840,
    maxUsedKib: 3440808,
  });
  const asked: unknown[] = [];
  const members = ['total', 'free', 'real_used', 'max_used'].map((name) => ({
    name,
    value: { kind: 'int', value: -1149239296 } as const,
  }));
  const huge = await readSharedMemory({
    call: async (method, params) => {
      asked.push([method, params]);
      return [{ kind: 'struct', members }];
    },
  });
  assert.equal(huge.totalKib, 3145728000, 'read as unsigned');
  assert.deepEqual(asked, [['core.shmmem', ['k']]]);
});

test('pings are turned on and off; a Kamailio without the dispatcher has none, other faults are told', async () => {
  await setDispatcherPinging(fault('command dispatcher.ping_active not found'), true);
  await setDispatcherPinging(recordedPort('22_'), false);
  await assert.rejects(setDispatcherPinging(fault('bad'), true), BinrpcFaultError);
});
