import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { signalDaemon } from '../../../src/lab/parts/daemon.js';
import { startZookeeper, stopZookeeper } from '../../../src/lab/parts/zookeeper.js';
import type { ZkSessionOptions, ZkSessionState } from '../../../src/registry/session-options.js';
import { ZkSession } from '../../../src/registry/session.js';
import { waitUntil } from '../../../src/util/wait.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { freePort, testDir } from '../../support/resources.js';

export const HOST = '127.0.0.1';

/** Set to lengthen the tests that repeat: 5 means five times the rounds. */
export const LENGTH = Number(process.env['CARNA_TEST_LENGTH'] ?? '1');

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Runs at the end of the test file, in reverse order. */
export function atEnd(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

export const quiet: Logger = pino({ level: process.env['CARNA_TEST_LOG'] ?? 'silent' });

/** A logger and what was logged with it. */
export function recordingLog(): { log: Logger; lines: { msg: string; [key: string]: unknown }[] } {
  const lines: { msg: string }[] = [];
  const write = (text: string): void => {
    lines.push(JSON.parse(text) as { msg: string });
  };
  return { log: pino({ level: 'debug' }, { write }), lines };
}

export class TestServer {
  readonly port: number;
  readonly dir: string;
  readonly #tickTimeMs: number;
  readonly #extraConfig: readonly string[];
  process: ProcessIdentity | null = null;

  constructor(dir: string, port: number, tickTimeMs: number, extraConfig: readonly string[]) {
    this.dir = dir;
    this.port = port;
    this.#tickTimeMs = tickTimeMs;
    this.#extraConfig = extraConfig;
  }

  get address(): string {
    return `${HOST}:${this.port}`;
  }

  async start(env: NodeJS.ProcessEnv = process.env): Promise<void> {
    this.process = await startZookeeper({
      dir: this.dir,
      host: HOST,
      port: this.port,
      tickTimeMs: this.#tickTimeMs,
      env,
      extraConfig: this.#extraConfig,
    });
  }

  async stop(): Promise<void> {
    if (this.process === null) return;
    this.signal('SIGCONT');
    await stopZookeeper(this.process);
    this.process = null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.process !== null) signalDaemon(this.process, signal);
  }
}

/** One server, started, stopped at the end of the file. */
export async function zookeeper(
  tickTimeMs: number,
  extraConfig: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Promise<TestServer> {
  const server = new TestServer(testDir('zk'), await freePort(), tickTimeMs, extraConfig);
  await server.start(env);
  atEnd(() => server.stop());
  return server;
}

/**
 * In ticks, so that followers leave a frozen leader well before a session of 6 s is over by its clock: a leader
 * that wakes first writes down everybody's end, and is elected again for the longer log (11 of 60 sessions of
 * 6 s died of 4.7 s with a limit of 4 s; none of 840 with one of 2 s).
 */
const SYNC_LIMIT = 2;

/** Three servers that elect a leader among them. */
export async function ensemble(tickTimeMs: number): Promise<readonly TestServer[]> {
  const ports: number[] = [];
  while (ports.length < 9) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const peers = [0, 1, 2].map((at) => `server.${at + 1}=${HOST}:${ports[3 + at]}:${ports[6 + at]}`);
  const config = ['initLimit=10', `syncLimit=${SYNC_LIMIT}`, ...peers];
  const servers = [0, 1, 2].map(
    (at) => new TestServer(testDir(`zk${at + 1}`), ports[at] ?? 0, tickTimeMs, config),
  );
  for (const [at, server] of servers.entries()) {
    mkdirSync(join(server.dir, 'data'), { recursive: true });
    writeFileSync(join(server.dir, 'data', 'myid'), `${at + 1}\n`);
  }
  await Promise.all(servers.map((server) => server.start()));
  for (const server of servers) atEnd(() => server.stop());
  return servers;
}

export async function proxyTo(server: TestServer): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(HOST, await freePort(), server.port);
  atEnd(() => proxy.close());
  return proxy;
}

/** A session closed at the end of the file, and the states it went through. */
export function openSession(
  connectString: string,
  options: Partial<ZkSessionOptions> = {},
): { session: ZkSession; states: ZkSessionState[] } {
  const session = ZkSession.open({
    connectString,
    zkSessionTimeoutMs: 4_000,
    auth: null,
    log: quiet,
    ...options,
  });
  const states: ZkSessionState[] = [];
  session.onState((state) => states.push(state));
  atEnd(() => session.close());
  return { session, states };
}

export async function connected(
  connectString: string,
  options: Partial<ZkSessionOptions> = {},
): Promise<{ session: ZkSession; states: ZkSessionState[] }> {
  const opened = openSession(connectString, options);
  await opened.session.whenConnected(10_000);
  return opened;
}

export async function untilState(
  session: ZkSession,
  state: ZkSessionState,
  ms = 15_000,
): Promise<void> {
  await waitUntil(`state ${state}`, ms, () => session.state === state, 2);
}
