import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import pino from 'pino';
import type { ProbeResult } from '../../src/agent/checks/probe.js';
import type { OptionsPing } from '../../src/agent/ports.js';
import { freeswitchControl } from '../../src/agent/servers/freeswitch.js';
import type { ServerControl } from '../../src/agent/servers/server.js';
import { eslPortOf } from '../../src/cli/daemons/server-control.js';
import { openEslSession } from '../../src/protocols/esl/session.js';
import { waitUntil } from '../../src/util/wait.js';
import { recordedConnections, turnsOf } from '../protocols/esl/recorded.js';
import type { ScriptedServer } from '../protocols/esl/replay.js';
import { startServer } from '../protocols/esl/replay.js';

/** The control of a FreeSWITCH that answers each question as it was recorded in some state. */

const GENEROUS_MS = 20_000;
const STATUS = 'api json {"command":"status","data":""}';
const PROFILES = 'api sofia jsonstatus';
const PAUSED = 'api fsctl pause_check inbound';
const SHUTDOWN = 'api fsctl shutdown_check';
const CHANNELS = 'api show channels count';
const NOTICE =
  'Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n';

const answered: OptionsPing = () =>
  Promise.resolve({ kind: 'answered', status: 200, latencyMs: 1 });
const silent: OptionsPing = () =>
  Promise.resolve({ kind: 'silent', reason: 'silent', isLocal: false });

/** Every reply to `command` in a transcript, in order. */
function recorded(name: string, command: string, tag = ''): Buffer[] {
  const connection = recordedConnections(name).find((found) => found.tag === tag);
  const turns = connection === undefined ? [] : turnsOf(connection);
  const found = turns.filter((turn) => turn.command === command).map((turn) => turn.reply.bytes);
  assert.ok(found.length > 0, `${name} has no ${command}`);
  return found;
}

/** The state of a FreeSWITCH that is well, by command. */
const NORMAL: ReadonlyMap<string, Buffer[]> = new Map([
  ['auth ClueCon', recorded('01-auth-ok', 'auth ClueCon')],
  ['api global_getvar core_uuid', recorded('14-api-global-getvar', 'api global_getvar core_uuid')],
  ['event json HEARTBEAT', recorded('30-heartbeat-json', 'event json HEARTBEAT')],
  [STATUS, recorded('11-api-json-status', STATUS)],
  [PROFILES, recorded('12-api-sofia-status', PROFILES)],
  [PAUSED, recorded('16-api-fsctl-queries', PAUSED)],
  [SHUTDOWN, recorded('16-api-fsctl-queries', SHUTDOWN)],
]);

interface Bench {
  readonly control: ServerControl;
  readonly server: ScriptedServer;
  /** Replies by command, taken in order; the last one stays. */
  readonly state: Map<string, Buffer[]>;
  /** From now on nothing is answered, or again. */
  hang(isHanging: boolean): void;
  socket(): Socket;
  rings: number;
}

async function withControl(
  changes: readonly (readonly [command: string, replies: Buffer[]])[],
  ping: () => OptionsPing,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const state = new Map(
    [...NORMAL, ...changes].map(([command, replies]) => [command, [...replies]]),
  );
  let isHanging = false;
  const server = await startServer({
    onConnect: (socket) => void (isHanging || socket.write('Content-Type: auth/request\n\n')),
    onCommand: (socket, text) => {
      if (isHanging) return;
      const [command = ''] = text.split('\n');
      const replies = state.get(command);
      assert.ok(replies, `not recorded: ${command}`);
      socket.write((replies.length > 1 ? replies.shift() : replies[0]) ?? '');
    },
  });
  const open = async () =>
    eslPortOf(
      await openEslSession({
        host: server.host,
        port: server.port,
        password: 'ClueCon',
        allowStockPassword: true,
        log: pino({ enabled: false }),
        timeoutMs: GENEROUS_MS,
      }),
    );
  const bench: { rings: number } = { rings: 0 };
  const options = { profile: 'internal', gracefulMs: 1 };
  const control = freeswitchControl(
    open,
    (ms) => ping()(ms),
    options,
    () => performance.now(),
  )({ ring: () => (bench.rings += 1), isAdopted: false });
  try {
    await use(
      Object.assign(bench, {
        control,
        server,
        state,
        hang: (is: boolean) => void (isHanging = is),
        socket: () => server.sockets.at(-1) ?? assert.fail('no connection'),
      }),
    );
  } finally {
    // What hangs while it opens would only end with its own deadline.
    for (const socket of server.sockets) socket.destroy();
    await control.close();
    await server.close();
  }
}

const said = (result: ProbeResult): string =>
  result.kind === 'ok' ? `ok${result.note === null ? '' : `: ${result.note}`}` : result.reason;

function judges(
  name: string,
  changes: readonly (readonly [command: string, replies: Buffer[]])[],
  expected: string,
): void {
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
