import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { LabError, MissingPartError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { ProcessIdentity } from './daemon.js';
import { isAlive, logTail, startDaemon, stopDaemon } from './daemon.js';

/** The place of a server in its ensemble. */
export interface EnsembleMember {
  readonly id: number;
  /** All members, this one included. */
  readonly servers: readonly {
    readonly id: number;
    readonly host: string;
    readonly quorumPort: number;
    readonly electionPort: number;
  }[];
}

/** What a server says of its part; null when it serves nobody or does not answer. */
export type ZookeeperMode = 'standalone' | 'leader' | 'follower' | null;

export interface ZookeeperOptions {
  /** Folder for configuration, data and log; kept between starts. */
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  /** Session time-outs are bounded to 2..20 ticks. */
  readonly tickTimeMs: number;
  readonly env: NodeJS.ProcessEnv;
  /** Null or left out: a server on its own. */
  readonly ensemble?: EnsembleMember | null;
  /** Further lines of zoo.cfg. */
  readonly extraConfig?: readonly string[];
}

const READY_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 5_000;
const DEBIAN_JARS = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'];

/** Java's class path for ZooKeeper: `CARNA_ZOOKEEPER_CLASSPATH`, else Debian's jars. Throws MissingPartError. */
export function zookeeperClasspath(env: NodeJS.ProcessEnv): string {
  const named = env['CARNA_ZOOKEEPER_CLASSPATH'];
  if (named !== undefined && named !== '') return named;
  const missing = DEBIAN_JARS.filter((jar) => !existsSync(jar));
  if (missing.length > 0) {
    throw new MissingPartError(
      `ZooKeeper is missing (${missing.join(', ')})`,
      'apt-get install zookeeper default-jre-headless, or set CARNA_ZOOKEEPER_CLASSPATH',
    );
  }
  return DEBIAN_JARS.join(':');
}

/** Ticks that a member of an ensemble has to join, and to answer its leader. */
const INIT_LIMIT_TICKS = 20;
const SYNC_LIMIT_TICKS = 6;

/**
 * Starts one real ZooKeeper server and resolves when it serves (`srvr` shows a mode). A member of an
 * ensemble is ready when it answers at all: it serves only once enough others run.
 */
export async function startZookeeper(options: ZookeeperOptions): Promise<ProcessIdentity> {
  const classpath = zookeeperClasspath(options.env);
  mkdirSync(join(options.dir, 'data'), { recursive: true });
  const config = join(options.dir, 'zoo.cfg');
  writeFileSync(config, zooCfg(options));
  const { ensemble = null } = options;
  if (ensemble !== null) writeFileSync(join(options.dir, 'data', 'myid'), `${ensemble.id}\n`);
  const logFile = join(options.dir, 'zookeeper.log');
  const server = await startDaemon({
    name: 'zookeeper',
    command: options.env['CARNA_JAVA'] ?? 'java',
    args: [
      '-Xmx128m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      classpath,
      'org.apache.zookeeper.server.quorum.QuorumPeerMain',
      config,
    ],
    env: options.env,
    cwd: options.dir,
    logFile,
  });
  const endMs = performance.now() + READY_TIMEOUT_MS;
  const isReady = async (): Promise<boolean> => {
    const answer = await askServer(options.host, options.port);
    return ensemble === null ? modeIn(answer) !== null : answer !== '';
  };
  while (!(await isReady())) {
    if (!isAlive(server) || performance.now() > endMs) {
      await stopDaemon(server, 'SIGKILL', 0);
      throw new LabError(`zookeeper does not serve; end of ${logFile}:\n${logTail(logFile)}`);
    }
    await wait(25);
  }
  return server;
}

/** Removes everything that a stopped server has stored: it starts empty. */
export function wipeZookeeper(dir: string): void {
  rmSync(join(dir, 'data'), { recursive: true, force: true });
}

/** Ends the server; its data stays, and so do its clients' sessions until they time out. */
export async function stopZookeeper(server: ProcessIdentity): Promise<void> {
  await stopDaemon(server, 'SIGTERM', STOP_GRACE_MS);
}

/** True when the four-letter word `srvr` is answered with a mode; `ruok` would only tell that a process lives. */
export async function zookeeperServes(host: string, port: number): Promise<boolean> {
  return (await zookeeperMode(host, port)) !== null;
}

/** Asks a server for its part; never rejects, at most 1 s. */
export async function zookeeperMode(host: string, port: number): Promise<ZookeeperMode> {
  return modeIn(await askServer(host, port));
}

function modeIn(answer: string): ZookeeperMode {
  const mode = /^Mode: (standalone|leader|follower)$/m.exec(answer)?.[1];
  return (mode as ZookeeperMode | undefined) ?? null;
}

/** The answer to `srvr`, empty without one. */
async function askServer(host: string, port: number): Promise<string> {
  return new Promise<string>((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('connect', () => socket.write('srvr'));
    socket.on('data', (bytes) => (text += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}

function zooCfg(options: ZookeeperOptions): string {
  return [
    `tickTime=${options.tickTimeMs}`,
    `dataDir=${join(options.dir, 'data')}`,
    `clientPort=${options.port}`,
    `clientPortAddress=${options.host}`,
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,mntr,ruok,wchs',
    'maxClientCnxns=0',
    ...ensembleLines(options.ensemble ?? null),
    ...(options.extraConfig ?? []),
    '',
  ].join('\n');
}

function ensembleLines(ensemble: EnsembleMember | null): readonly string[] {
  if (ensemble === null) return [];
  return [
    `initLimit=${INIT_LIMIT_TICKS}`,
    `syncLimit=${SYNC_LIMIT_TICKS}`,
    ...ensemble.servers.map(
      ({ id, host, quorumPort, electionPort }) =>
        `server.${id}=${host}:${quorumPort}:${electionPort}`,
    ),
  ];
}
