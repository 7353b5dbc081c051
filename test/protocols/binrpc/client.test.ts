import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { BinrpcClient, MAX_WAITING_CALLS } from '../../../src/protocols/binrpc/client.js';
import type { CarnaError } from '../../../src/util/errors.js';
import {
  BinrpcFaultError,
  DeadlineError,
  ProtocolError,
  ServerUnavailableError,
} from '../../../src/util/errors.js';
import type { FakeCtl } from './fake-ctl.js';
import { testDir } from '../../support/resources.js';
import { replyTo, startFakeCtl } from './fake-ctl.js';

const SEVEN = '10 07';
const GENEROUS_MS = 20_000;

async function withCtl(
  onRequest: (socket: Socket, request: Buffer) => void,
  use: (client: BinrpcClient, ctl: FakeCtl) => Promise<void>,
): Promise<void> {
  const ctl = await startFakeCtl(onRequest);
  const client = new BinrpcClient({ socketPath: ctl.socketPath, timeoutMs: GENEROUS_MS });
  try {
    await use(client, ctl);
  } finally {
    client.close();
    await ctl.close();
  }
}

const answerSeven = (socket: Socket, request: Buffer): void =>
  void socket.write(replyTo(request, SEVEN));

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

test('a missing socket names its path and cause', async () => {
  const client = new BinrpcClient({ socketPath: '/nowhere/ctl', timeoutMs: GENEROUS_MS });
  let closes = 0;
  client.onClose(() => closes++);
  await assert.rejects(client.call('core.version'), (err) => {
    assert.ok(err instanceof ServerUnavailableError);
    assert.match(err.message, /\/nowhere\/ctl.*ENOENT/);
    assert.ok(err.cause instanceof Error);
    return true;
  });
  assert.equal(closes, 0, 'a connection that never stood is no death');
  client.close();
});

test('the end of an idle connection is told to the listeners, once', async () => {
  await withCtl(answerSeven, async (client, ctl) => {
    const reasons: CarnaError[] = [];
    const removed = client.onClose(() => assert.fail('was taken away'));
    removed();
    await client.call('core.uptime');
    const told = new Promise<void>((resolve) => {
      client.onClose((reason) => {
        reasons.push(reason);
        resolve();
      });
    });
    ctl.sockets[0]?.destroy();
    await told;
    await client.call('core.uptime');
    assert.equal(reasons.length, 1);
    assert.ok(reasons[0] instanceof ServerUnavailableError);
  });
});

test('a late answer is no death: the listeners are not told', async () => {
  await withCtl(
    () => undefined,
    async (client, ctl) => {
      client.onClose(() => assert.fail('we closed it ourselves'));
      await assert.rejects(client.call('mute', [], 30), DeadlineError);
      await new Promise((resolve) => ctl.sockets[0]?.once('close', resolve));
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

const nowhere = (socketPath: string): BinrpcClient =>
  new BinrpcClient({ socketPath, timeoutMs: GENEROUS_MS });

async function checkUnavailable(socketPath: string, expected: RegExp): Promise<void> {
  const client = nowhere(socketPath);
  await assert.rejects(client.call('core.version'), (err) => {
    assert.ok(err instanceof ServerUnavailableError);
    assert.ok(err.message.startsWith(`Kamailio at ${socketPath}: `), err.message);
    assert.match(err.message, expected);
    return true;
  });
  client.close();
}

test('a socket that is not there says what to look at', async () =>
  checkUnavailable(
    join(testDir('ctl'), 'ctl'),
    /no such socket: Kamailio does not run, or CARNA_CTL_SOCKET is not the one in its modparam/,
  ));

test('a socket that was left behind says that nobody listens', async () => {
  const socketPath = join(testDir('ctl'), 'ctl');
  // Only a process that dies without closing leaves its socket file behind.
  const source = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', source]);
  await checkUnavailable(socketPath, /nobody listens there: .* its next start replaces it/);
});

test(
  'a socket without permission says whose user to be',
  { skip: process.getuid?.() === 0 ? false : 'needs root, to become somebody else' },
  async () => {
    const ctl = await startFakeCtl(answerSeven);
    chmodSync(ctl.socketPath, 0o600);
    const source = `
      import { BinrpcClient } from './dist/src/protocols/binrpc/client.js';
      process.setuid(65534);
      const client = new BinrpcClient({ socketPath: process.argv[1], timeoutMs: 20000 });
      await client.call('core.version').catch((err) => console.log(err.message));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source, ctl.socketPath]);
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await once(child, 'close');
    await ctl.close();
    assert.match(
      output,
      /no permission: run the agent as Kamailio's user, or set both user and group of the ctl module/,
    );
  },
);
