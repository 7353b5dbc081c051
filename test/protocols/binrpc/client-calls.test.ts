import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_WAITING_CALLS } from '../../../src/protocols/binrpc/client.js';
import {
  BinrpcFaultError,
  DeadlineError,
  ServerUnavailableError,
} from '../../../src/util/errors.js';
import { answerSeven, withCtl } from './client-rig.js';
import { replyTo } from './fake-ctl.js';

test('calls share one connection and are answered in order, one in flight', async () => {
  let inFlight = 0;
  let most = 0;
  await withCtl(
    (socket, request) => {
      most = Math.max(most, ++inFlight);
      setImmediate(() => {
        inFlight--;
        const name = request.subarray(5, request.length - 1).toString();
        socket.write(replyTo(request, `41 ${Buffer.from(name).toString('hex')} 00`));
      });
    },
    async (client, ctl) => {
      const names = ['aaa', 'bbb', 'ccc', 'ddd'];
      const replies = await Promise.all(names.map((name) => client.call(name)));
      assert.deepEqual(
        replies,
        names.map((value) => [{ kind: 'string', value }]),
      );
      assert.equal(most, 1);
      assert.equal(ctl.sockets.length, 1);
    },
  );
});

test('a fault is an error with code and text, and the connection stays', async () => {
  await withCtl(
    (socket, request) =>
      socket.write(
        replyTo(request, '20 01 f4 91 0f 4f 6e 67 6f 69 6e 67 20 72 65 6c 6f 61 64 00', 3),
      ),
    async (client, ctl) => {
      for (let i = 0; i < 2; i++) {
        await assert.rejects(client.call('dispatcher.reload'), (err) => {
          assert.ok(err instanceof BinrpcFaultError);
          assert.deepEqual([err.faultCode, err.faultText], [500, 'Ongoing reload']);
          return true;
        });
      }
      assert.equal(ctl.sockets.length, 1);
    },
  );
});

test('silence ends the connection at the deadline; the next call uses a new one', async () => {
  await withCtl(
    (socket, request) => {
      if (request.includes('mute')) return;
      answerSeven(socket, request);
    },
    async (client, ctl) => {
      await assert.rejects(client.call('mute', [], 30), DeadlineError);
      assert.deepEqual(await client.call('core.uptime'), [{ kind: 'int', value: 7 }]);
      assert.equal(ctl.sockets.length, 2);
    },
  );
});

test('a call that is late while it waits leaves the one in flight alone', async () => {
  let release: (() => void) | undefined;
  await withCtl(
    (socket, request) => {
      release = () => answerSeven(socket, request);
    },
    async (client, ctl) => {
      const slow = client.call('slow');
      await assert.rejects(client.call('late', [], 30), DeadlineError);
      release?.();
      assert.deepEqual(await slow, [{ kind: 'int', value: 7 }]);
      assert.equal(ctl.sockets.length, 1);
    },
  );
});

test('the queue is bounded', async () => {
  await withCtl(
    () => undefined,
    async (client) => {
      const calls = Array.from({ length: MAX_WAITING_CALLS + 1 }, () => client.call('mute'));
      const settled = Promise.allSettled(calls);
      await assert.rejects(client.call('one.more'), /64 calls wait already/);
      client.close();
      for (const end of await settled) {
        assert.ok(end.status === 'rejected' && end.reason instanceof ServerUnavailableError);
      }
      await assert.rejects(client.call('core.version'), ServerUnavailableError);
    },
  );
});

test('a request that cannot be encoded rejects without a connection', async () => {
  await withCtl(answerSeven, async (client, ctl) => {
    await assert.rejects(client.call('x', [1.5]), RangeError);
    assert.equal(ctl.sockets.length, 0);
  });
});
