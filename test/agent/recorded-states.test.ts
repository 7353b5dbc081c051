import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/util/wait.js';
import type { Changes } from './support/recorded-freeswitch.js';
import {
  answered,
  GENEROUS_MS,
  NORMAL,
  NOTICE,
  PAUSED,
  PROFILES,
  recorded,
  said,
  SHUTDOWN,
  silent,
  STATUS,
  withControl,
} from './support/recorded-freeswitch.js';

const CHANNELS = 'api show channels count';

function judges(name: string, changes: Changes, expected: string): void {
  test(`recorded: ${name}`, async () =>
    withControl(
      changes,
      () => answered,
      async ({ control }) => assert.equal(said(await control.probe(GENEROUS_MS)), expected),
    ));
}

const [onlyInbound, bothPaused] = recorded('26-status-paused-inbound', STATUS);
assert.ok(onlyInbound !== undefined && bothPaused !== undefined);
const YES = recorded('23-fsctl-pause', PAUSED).filter((reply) => reply.toString().endsWith('true'));

judges('all is well', [], 'ok');
judges(
  'inbound is paused by somebody, and the core says that it is ready (26)',
  [
    [STATUS, [onlyInbound]],
    [PAUSED, YES],
  ],
  'inbound calls are paused, not by us',
);
judges(
  'both directions are paused by somebody (26)',
  [
    [STATUS, [bothPaused]],
    [PAUSED, YES],
  ],
  'FreeSWITCH says that it is not ready; inbound calls are paused, not by us',
);
judges(
  'the profile is stopped (27), as after a start with its port taken (28)',
  [[PROFILES, recorded('27-sofia-profile-stop-start', PROFILES)]],
  'the SIP profile internal does not run',
);
judges(
  'an elegant shutdown waits for calls and takes new ones (61)',
  [[SHUTDOWN, recorded('61-shutdown-elegant-2-calls', SHUTDOWN, 'B')]],
  'FreeSWITCH is shutting down',
);

test('recorded: a shutdown asap, then cancelled (62)', async () => {
  const replies = recorded('62-shutdown-asap-cancel-asap', SHUTDOWN, 'B');
  await withControl(
    [[SHUTDOWN, replies]],
    () => silent,
    async ({ control }) => {
      const asked = await control.probe(GENEROUS_MS);
      assert.ok(asked.kind === 'fail' && asked.isEnding, 'with SIP silent it is ending');
      const cancelled = await control.probe(GENEROUS_MS);
      assert.equal(
        said(cancelled),
        'event socket says yes, SIP says no: no answer to SIP OPTIONS: silent',
      );
      assert.ok(cancelled.kind === 'fail' && !cancelled.isEnding);
    },
  );
});

test('recorded: the whole drain (68): paused and proven, counted down to nothing, shut down', async () => {
  const name = '68-drain-recipe';
  const no = NORMAL.get(PAUSED) ?? [];
  await withControl(
    [
      ['api fsctl pause inbound', recorded(name, 'api fsctl pause inbound')],
      [PAUSED, [...no, ...YES.slice(0, 1)]],
      [STATUS, recorded(name, STATUS)],
      [CHANNELS, recorded(name, CHANNELS)],
      ['bgapi fsctl shutdown asap', recorded(name, 'bgapi fsctl shutdown asap')],
    ],
    () => silent,
    async (bench) => {
      const { control, server } = bench;
      await control.refuseNewWork();
      assert.equal(control.isRefusing(), true);
      const counts: number[] = [];
      for (let look = 0; look < 5; look++) counts.push((await control.countLeft()).count);
      assert.deepEqual(counts, [4, 4, 4, 4, 0]);
      await control.shutDown();
      assert.deepEqual(
        server.commands
          .filter((command) => command.includes('shutdown'))
          .map((c) => c.split('\n')[0]),
        ['bgapi fsctl shutdown asap'],
      );
      bench.socket().end(NOTICE);
      await waitUntil('it rings', GENEROUS_MS, () => bench.rings === 1);
      await server.close();
      const gone = await control.probe(GENEROUS_MS);
      assert.ok(gone.kind === 'fail' && gone.isEnding, said(gone));
    },
  );
});
