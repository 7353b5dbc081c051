import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionManager,
  KNOWN_CODES,
  clientVersion,
  jute,
  recordClass,
} from '../../src/registry/zk-client.js';

/** Everything that this layer touches inside node-zookeeper-client; a new version must pass or be refused. */

test('A16 the installed client is the version that was examined', () =>
  assert.equal(clientVersion(), '1.1.3'));

test('A16 the connection manager has the fields and methods that are used', () => {
  const options = { sessionTimeout: 4_000, spinDelay: 0, retries: 0 };
  const manager = new ConnectionManager('127.0.0.1:1', options, () => undefined);
  assert.equal(typeof manager.state, 'number');
  assert.equal(manager.pendingBuffer, null);
  assert.deepEqual(manager.pendingQueue, []);
  assert.deepEqual(manager.packetQueue.queue, []);
  assert.deepEqual(manager.credentials, []);
  assert.equal(manager.sessionTimeout, 4_000);
  assert.deepEqual(manager.sessionId, Buffer.alloc(8));
  assert.equal(manager.xid, 0);
  for (const name of [
    'connect',
    'queue',
    'onSocketConnected',
    'onSocketData',
    'onSocketDrain',
  ] as const) {
    assert.equal(typeof manager[name], 'function', name);
  }
});

test('A16 the states have their numbers', () => {
  const { DISCONNECTED, CONNECTING, CONNECTED, SESSION_EXPIRED, AUTHENTICATION_FAILED } =
    ConnectionManager.STATES;
  assert.deepEqual(
    [DISCONNECTED, CONNECTING, CONNECTED, SESSION_EXPIRED, AUTHENTICATION_FAILED],
    [0, 1, 2, -3, -4],
  );
});

test('A16 a packet goes out in order, is matched by its number and answered', () => {
  const options = { sessionTimeout: 4_000, spinDelay: 0, retries: 0 };
  const manager = new ConnectionManager('127.0.0.1:1', options, () => undefined);
  const written: Buffer[] = [];
  const socket = { write: (bytes: Buffer) => written.push(bytes) > 0, destroy: () => undefined };
  manager.socket = { ...socket, setTimeout: () => undefined } as unknown as typeof manager.socket;
  manager.state = ConnectionManager.STATES['CONNECTED'] ?? 0;
  const header = { xid: -5, type: jute.OP_CODES['DELETE'] ?? 0 };
  const answers: unknown[] = [];
  const request = { header, payload: null, toBuffer: () => Buffer.from([header.xid]) };
  manager.queue(request, (error) => answers.push(error));
  assert.deepEqual(written, [Buffer.from([0])]);
  assert.equal(manager.pendingQueue.length, 1);
  const reply = Buffer.alloc(20);
  reply.writeInt32BE(16, 0);
  manager.onSocketData(reply);
  assert.deepEqual(answers, [null]);
  assert.equal(manager.pendingQueue.length, 0);
  assert.equal(manager.xid, 1);
});

test('A16 the records and operations that are used exist', () => {
  const names =
    'RequestHeader ExistsRequest GetDataRequest GetChildren2Request CreateRequest ' +
    'SetDataRequest DeleteRequest WatcherEvent';
  for (const name of names.split(' '))
    assert.equal(typeof recordClass('protocol', name), 'function');
  for (const name of ['ACL', 'Id']) assert.equal(typeof recordClass('data', name), 'function');
  const wanted = {
    PING: 11,
    CLOSE_SESSION: -11,
    EXISTS: 3,
    GET_DATA: 4,
    GET_CHILDREN2: 12,
    CREATE: 1,
  };
  const more = { SET_DATA: 5, DELETE: 2, MULTI: 14, CHECK: 13 };
  for (const [name, code] of Object.entries({ ...wanted, ...more })) {
    assert.equal(jute.OP_CODES[name], code, name);
  }
  assert.equal(typeof jute.TransactionRequest, 'function');
});

test('A16 the client still does not know the codes that we take from it', () => {
  for (const code of [-118, -124, -125, -127]) assert.ok(!KNOWN_CODES.has(code), String(code));
  for (const code of [0, -4, -101, -110, -112]) assert.ok(KNOWN_CODES.has(code), String(code));
});
