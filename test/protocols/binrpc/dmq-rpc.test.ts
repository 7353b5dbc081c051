import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinrpcDecoder } from '../../../src/protocols/binrpc/codec.js';
import { readDmqNodes, removeDmqNode } from '../../../src/protocols/binrpc/dmq-rpc.js';
import type { RpcPort } from '../../../src/protocols/binrpc/rpc-reply.js';
import type { BinrpcValue } from '../../../src/protocols/binrpc/value.js';
import { BinrpcFaultError, ProtocolError } from '../../../src/util/errors.js';
import { recordedIn } from './transcripts.js';

const port = (values: readonly BinrpcValue[], calls: unknown[] = []): RpcPort => ({
  call: async (method, params) => {
    calls.push([method, params]);
    return values;
  },
});

const text = (name: string, value: string) => ({
  name,
  value: { kind: 'string' as const, value },
});

function member(status: string, local = 0, portText = '5061'): BinrpcValue {
  const flag = { name: 'local', value: { kind: 'int' as const, value: local } };
  const members = [text('host', '10.0.0.2'), text('port', portText), text('status', status), flag];
  return { kind: 'struct', members };
}

test('the recorded list, over every transport', async () => {
  const recorded = recordedIn('40_');
  assert.equal(recorded.length > 0, true);
  for (const { reply } of recorded) {
    const [message] = new BinrpcDecoder().push(reply);
    assert.equal(message?.kind, 'reply');
    const values = message?.kind === 'reply' ? message.values : [];
    assert.deepEqual(await readDmqNodes(port(values)), [
      { address: 'sip:127.0.7.9:25060', status: 'pending', isLocal: false },
      { address: 'sip:127.0.7.1:25060', status: 'active', isLocal: true },
    ]);
  }
});

test('every status, a list of nobody, a member without a port', async () => {
  for (const status of ['active', 'disabled', 'timeout', 'pending']) {
    assert.equal((await readDmqNodes(port([member(status)])))[0]?.status, status);
  }
  assert.deepEqual(await readDmqNodes(port([])), []);
  assert.equal((await readDmqNodes(port([member('active', 0, '')])))[0]?.address, 'sip:10.0.0.2');
});

test('a reply of another shape is refused', async () => {
  await assert.rejects(readDmqNodes(port([member('asleep')])), ProtocolError);
  await assert.rejects(readDmqNodes(port([{ kind: 'int', value: 1 }])), ProtocolError);
  await assert.rejects(readDmqNodes(port([{ kind: 'struct', members: [] }])), ProtocolError);
});

test('a removal names the address; a fault is an error', async () => {
  const calls: unknown[] = [];
  const done: BinrpcValue = { kind: 'string', value: 'Ok. DMQ node removed.' };
  await removeDmqNode(port([done], calls), 'sip:10.0.0.2:5061');
  assert.deepEqual(calls, [['dmq.remove', ['sip:10.0.0.2:5061']]]);
  const failing: RpcPort = {
    call: () => Promise.reject(new BinrpcFaultError('dmq.remove', 500, 'Failure')),
  };
  await assert.rejects(removeDmqNode(failing, 'sip:10.0.0.2:5061'), BinrpcFaultError);
});
