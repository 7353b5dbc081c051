import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import { DeadlineError, ProtocolError, ServerUnavailableError } from '../../../src/util/errors.js';
import { GENEROUS_MS, SEVEN, withCtl } from './client-rig.js';
import { replyTo, startFakeCtl } from './fake-ctl.js';

test('a reply cut short is a deadline, not a value', async () => {
  await withCtl(
    (socket, request) =>
      socket.write(replyTo(request, '91 08 61 62 63 64 65 66 67 00').subarray(0, 9)),
    async (client) => assert.rejects(client.call('core.version', [], 30), DeadlineError),
  );
});

test('a reply cut short by the end of the connection is unavailable', async () => {
  await withCtl(
    (socket, request) => socket.end(replyTo(request, SEVEN).subarray(0, 5)),
    async (client) =>
      assert.rejects(client.call('core.version'), (err) => {
        assert.ok(err instanceof ServerUnavailableError);
        assert.match(err.message, /in the middle of a reply/);
        return true;
      }),
  );
});

const PROTOCOL_FAULTS: readonly (readonly [string, (request: Buffer) => Buffer])[] = [
  ['the cookie of another call', () => Buffer.from('a1100299' + '1007', 'hex')],
  ['garbage', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a malformed body', (request) => replyTo(request, '83')],
  [
    'two answers to one call',
    (request) => Buffer.concat([replyTo(request, '03'), replyTo(request, SEVEN)]),
  ],
];

for (const [name, answer] of PROTOCOL_FAULTS) {
  test(`${name}: a protocol error, then a new connection`, async () => {
    let isFirst = true;
    await withCtl(
      (socket, request) => {
        socket.write(isFirst ? answer(request) : replyTo(request, SEVEN));
        isFirst = false;
      },
      async (client, ctl) => {
        await assert.rejects(client.call('core.version'), ProtocolError);
        assert.equal((await client.call('core.uptime')).length, 1);
        assert.equal(ctl.sockets.length, 2);
      },
    );
  });
}

test('bytes that nobody asked for end the connection', async () => {
  await withCtl(
    (socket, request) => {
      socket.write(replyTo(request, SEVEN));
      setImmediate(() => socket.write(replyTo(request, SEVEN)));
    },
    async (client, ctl) => {
      await client.call('core.uptime');
      const [socket] = ctl.sockets;
      await new Promise((resolve) => socket?.once('close', resolve));
      await client.call('core.uptime');
      assert.equal(ctl.sockets.length, 2);
    },
  );
});

test('a reply beyond the limit is refused', async () => {
  const ctl = await startFakeCtl((socket, request) =>
    socket.write(replyTo(request, '41 61 62 63 00')),
  );
  const client = new BinrpcClient({
    socketPath: ctl.socketPath,
    timeoutMs: GENEROUS_MS,
    maxReplyBytes: 4,
  });
  await assert.rejects(client.call('core.version'), ProtocolError);
  client.close();
  await ctl.close();
});
