import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import pino from 'pino';
import type { ProbeResult } from '../../../src/agent/checks/probe.js';
import type { EslPort, OptionsPing } from '../../../src/agent/ports.js';
import { freeswitchControl } from '../../../src/agent/servers/freeswitch.js';
import type { ServerControl } from '../../../src/agent/servers/server.js';
import { eslPortOf } from '../../../src/cli/daemons/server-control.js';
import { openEslSession } from '../../../src/protocols/esl/session.js';
import { recordedConnections, turnsOf } from '../../protocols/esl/recorded.js';
import type { ScriptedServer } from '../../protocols/esl/replay.js';
import { startServer } from '../../protocols/esl/replay.js';

/** The control of a FreeSWITCH that answers each question as it was recorded in some state. */

export const GENEROUS_MS = 20_000;
export const STATUS = 'api json {"command":"status","data":""}';
export const PROFILES = 'api sofia jsonstatus';
export const PAUSED = 'api fsctl pause_check inbound';
export const SHUTDOWN = 'api fsctl shutdown_check';
export const NOTICE =
  'Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n';

export const answered: OptionsPing = () =>
  Promise.resolve({ kind: 'answered', status: 200, latencyMs: 1 });
export const silent: OptionsPing = () =>
  Promise.resolve({ kind: 'silent', reason: 'silent', isLocal: false });

/** Every reply to `command` in a transcript, in order. */
export function recorded(name: string, command: string, tag = ''): Buffer[] {
  const connection = recordedConnections(name).find((found) => found.tag === tag);
  const turns = connection === undefined ? [] : turnsOf(connection);
  const found = turns.filter((turn) => turn.command === command).map((turn) => turn.reply.bytes);
  assert.ok(found.length > 0, `${name} has no ${command}`);
  return found;
}

/** The state of a FreeSWITCH that is well, by command. */
export const NORMAL: ReadonlyMap<string, Buffer[]> = new Map([
  ['auth ClueCon', recorded('01-auth-ok', 'auth ClueCon')],
  ['api global_getvar core_uuid', recorded('14-api-global-getvar', 'api global_getvar core_uuid')],
  ['event json HEARTBEAT', recorded('30-heartbeat-json', 'event json HEARTBEAT')],
  [STATUS, recorded('11-api-json-status', STATUS)],
  [PROFILES, recorded('12-api-sofia-status', PROFILES)],
  [PAUSED, recorded('16-api-fsctl-queries', PAUSED)],
  [SHUTDOWN, recorded('16-api-fsctl-queries', SHUTDOWN)],
]);

/** Replies by command that differ from `NORMAL`. */
export type Changes = readonly (readonly [command: string, replies: Buffer[]])[];

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

export async function withControl(
  changes: Changes,
  ping: () => OptionsPing,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const state = new Map(
    [...NORMAL, ...changes].map(([command, replies]) => [command, [...replies]]),
  );
  let isHanging = false;
  const server = await startRecorded(state, () => isHanging);
  const bench: { rings: number } = { rings: 0 };
  const options = { profile: 'internal', gracefulMs: 1 };
  const control = freeswitchControl(
    () => openPort(server),
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

async function startRecorded(
  state: ReadonlyMap<string, Buffer[]>,
  isHanging: () => boolean,
): Promise<ScriptedServer> {
  return startServer({
    onConnect: (socket) => void (isHanging() || socket.write('Content-Type: auth/request\n\n')),
    onCommand: (socket, text) => {
      if (isHanging()) return;
      const [command = ''] = text.split('\n');
      const replies = state.get(command);
      assert.ok(replies, `not recorded: ${command}`);
      socket.write((replies.length > 1 ? replies.shift() : replies[0]) ?? '');
    },
  });
}

async function openPort({ host, port }: ScriptedServer): Promise<EslPort> {
  return eslPortOf(
    await openEslSession({
      host,
      port,
      password: 'ClueCon',
      allowStockPassword: true,
      log: pino({ enabled: false }),
      timeoutMs: GENEROUS_MS,
    }),
  );
}

export const said = (result: ProbeResult): string =>
  result.kind === 'ok' ? `ok${result.note === null ? '' : `: ${result.note}`}` : result.reason;
