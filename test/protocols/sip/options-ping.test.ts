import assert from 'node:assert/strict';
import type { RemoteInfo, Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import type { PingOptions, PingResult } from '../../../src/protocols/sip/options-ping.js';
import { pingOptions, T1_MS } from '../../../src/protocols/sip/options-ping.js';
import { InvalidInputError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';

async function withServer(
  onRequest: (request: string, from: RemoteInfo, server: Socket) => void,
  use: (ping: (options?: Partial<PingOptions>) => Promise<PingResult>) => Promise<void>,
): Promise<void> {
  const server = createSocket('udp4');
  server.on('message', (datagram, from) => onRequest(datagram.toString(), from, server));
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  const { port } = server.address();
  try {
    await use(async (options = {}) =>
      pingOptions({
        target: { transport: 'udp', host: '127.0.0.1', port },
        timeoutMs: 10_000,
        random: Math.random,
        monoMs: () => performance.now(),
        ...options,
      }),
    );
  } finally {
    server.close();
  }
}

/** A response that repeats what a server must repeat. */
function respond(request: string, status: string): string {
  const kept = request.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
  return [`SIP/2.0 ${status}`, ...kept, 'Content-Length: 0', '', ''].join('\r\n');
}

test('any final status is an answer', async () => {
  await withServer(
    (request, from, server) => server.send(respond(request, '503 Busy'), from.port, from.address),
    async (ping) => {
      const result = await ping({ localHost: '127.0.0.1' });
      assert.ok(result.kind === 'answered' && result.latencyMs >= 0);
      assert.equal(result.status, 503);
    },
  );
});

test('garbage, the answer to another request and 100 are passed over', async () => {
  await withServer(
    (request, from, server) => {
      const packets = [
        'garbage',
        respond(request, '200 OK').replace(/branch=[^;]+/, 'branch=z9hG4bKother'),
        respond(request, '100 Trying'),
        respond(request, '404 Not Found'),
      ];
      for (const packet of packets) server.send(packet, from.port, from.address);
    },
    async (ping) => {
      const result = await ping();
      assert.equal(result.kind === 'answered' && result.status, 404);
    },
  );
});

test('packets from another address are not even seen', async () => {
  const stranger = createSocket('udp4');
  await withServer(
    (request, from, server) => {
      stranger.send(respond(request, '200 OK'), from.port, from.address, () =>
        server.send(respond(request, '486 Busy'), from.port, from.address),
      );
    },
    async (ping) => {
      const result = await ping();
      assert.equal(result.kind === 'answered' && result.status, 486);
    },
  );
  stranger.close();
});

test('a lost request is sent once more', async () => {
  const seen: string[] = [];
  await withServer(
    (request, from, server) => {
      seen.push(request);
      if (seen.length === 2) server.send(respond(request, '200 OK'), from.port, from.address);
    },
    async (ping) => assert.equal((await ping()).kind, 'answered'),
  );
  assert.equal(seen.length, 2);
  assert.equal(seen[0], seen[1]);
});

test('silence is silence, and a short time-out leaves no second try', async () => {
  let requests = 0;
  await withServer(
    () => requests++,
    async (ping) => {
      const result = await ping({ timeoutMs: T1_MS / 5 });
      assert.deepEqual(result, {
        kind: 'silent',
        reason: `no answer within ${T1_MS / 5} ms`,
        isLocal: false,
      });
      await waitUntil('the request came', 10_000, () => requests > 0);
    },
  );
  assert.equal(requests, 1);
});

test('a refused port is known before the deadline', async () => {
  await withServer(
    () => undefined,
    async (ping) => {
      const target = { transport: 'udp', host: '127.0.0.1', port: 1 };
      const result = await ping({ target, timeoutMs: 60_000 });
      assert.ok(result.kind === 'silent');
      assert.match(result.reason, /ECONNREFUSED/);
      assert.equal(result.isLocal, false, 'the target said so');
    },
  );
});

test('an address that is not ours to send from is a reason, not a crash', async () => {
  await withServer(
    () => undefined,
    async (ping) => {
      const result = await ping({ localHost: '192.0.2.77' });
      assert.ok(result.kind === 'silent');
      assert.match(result.reason, /EADDRNOTAVAIL/);
      assert.equal(result.isLocal, true);
    },
  );
});

test('other transports and unusable hosts are refused by name', async () => {
  await withServer(
    () => undefined,
    async (ping) => {
      const tcp = { transport: 'tcp', host: '127.0.0.1', port: 5060 };
      await assert.rejects(ping({ target: tcp }), /transport tcp is not supported/);
      const bad = { transport: 'udp', host: 'a\r\nb', port: 5060 };
      await assert.rejects(ping({ target: bad }), InvalidInputError);
    },
  );
});

test('no socket is left open', async () => {
  await withServer(
    (request, from, server) => server.send(respond(request, '200 OK'), from.port, from.address),
    async (ping) => {
      await ping();
      await ping({ timeoutMs: 1 });
      await waitUntil('one socket, the server', 10_000, () => sockets() === 1);
    },
  );
});

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
}
