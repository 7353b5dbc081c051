import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { waitUntil } from '../../src/util/wait.js';
import {
  answered,
  GENEROUS_MS,
  NOTICE,
  said,
  silent,
  withControl,
} from './support/recorded-freeswitch.js';

for (const [name, end] of [
  ['a shutdown with its notice (60)', (socket: Socket) => void socket.end(NOTICE)],
  ['kill -9, a plain FIN (52)', (socket: Socket) => void socket.end()],
  [
    'kill -9 with a question unread, a reset (53)',
    (socket: Socket) => void socket.resetAndDestroy(),
  ],
] as const) {
  test(`recorded: ${name} rings at once, and with SIP silent it is ending`, async () => {
    let ping = answered;
    await withControl(
      [],
      () => ping,
      async (bench) => {
        assert.equal(said(await bench.control.probe(GENEROUS_MS)), 'ok');
        end(bench.socket());
        await waitUntil('it rings', GENEROUS_MS, () => bench.rings === 1);
        await bench.server.close();
        ping = silent;
        const gone = await bench.control.probe(GENEROUS_MS);
        assert.match(
          said(gone),
          /^no event socket: .*ECONNREFUSED.*; no answer to SIP OPTIONS: silent$/,
        );
        assert.ok(gone.kind === 'fail' && gone.isEnding);
      },
    );
  });
}

test('recorded: a reset while questions are open (53) fails them by name', async () => {
  await withControl(
    [],
    () => answered,
    async (bench) => {
      assert.equal(said(await bench.control.probe(GENEROUS_MS)), 'ok');
      bench.hang(true);
      const asked = bench.server.commands.length;
      const probe = bench.control.probe(GENEROUS_MS);
      await waitUntil('it is asked', GENEROUS_MS, () => bench.server.commands.length > asked);
      bench.socket().resetAndDestroy();
      assert.match(said(await probe), /^FreeSWITCH at 127\.0\.0\.1:\d+: .*ECONNRESET$/);
    },
  );
});

test('recorded: a hung process (54) is known at the deadline, and known to be well when it goes on', async () => {
  await withControl(
    [],
    () => answered,
    async (bench) => {
      assert.equal(said(await bench.control.probe(GENEROUS_MS)), 'ok');
      bench.hang(true);
      assert.equal(said(await bench.control.probe(50)), 'event socket: no answer within 50 ms');
      // The kernel goes on to accept connections for it.
      assert.equal(said(await bench.control.probe(50)), 'no event socket: no answer within 50 ms');
      assert.equal(bench.rings, 0, 'we ended the connection ourselves');
      bench.hang(false);
      bench.socket().write('Content-Type: auth/request\n\n');
      assert.equal(said(await bench.control.probe(GENEROUS_MS)), 'ok');
    },
  );
});
