import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LabError, MissingPartError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { ProcessIdentity } from './daemon.js';
import { isAlive, logTail, startDaemon, stopDaemon } from './daemon.js';

export interface PostgresOptions {
  /** Folder of the private cluster; every parent must be searchable by the user postgres when we are root. */
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  /** Password of the superuser `postgres`. */
  readonly password: string;
  /** Clients beyond loopback, as 10.0.0.0/24; they need a password, too. */
  readonly clients?: string;
  readonly env: NodeJS.ProcessEnv;
}

const run = promisify(execFile);
const INIT_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 10_000;
const DEBIAN_VERSIONS = '/usr/lib/postgresql';

/** Folder of PostgreSQL's programs: `CARNA_POSTGRES_BIN`, else Debian's newest version. Throws MissingPartError. */
export function postgresBin(env: NodeJS.ProcessEnv): string {
  const named = env['CARNA_POSTGRES_BIN'];
  const candidates =
    named !== undefined && named !== ''
      ? [named]
      : debianVersions().map((v) => join(DEBIAN_VERSIONS, v, 'bin'));
  const found = candidates.find((dir) => existsSync(join(dir, 'initdb')));
  if (found === undefined) {
    throw new MissingPartError(
      `PostgreSQL's server is missing (no initdb in ${candidates.join(', ') || DEBIAN_VERSIONS})`,
      'apt-get install postgresql, or set CARNA_POSTGRES_BIN to the folder that holds initdb',
    );
  }
  return found;
}

/** Every process of a Kamailio holds connections of its own: a lab of five roles needs some two hundred. */
const MAX_CONNECTIONS = 1_000;

/** Makes the cluster when the folder has none, starts it with durable commits, resolves when it takes connections. */
export async function startPostgres(options: PostgresOptions): Promise<ProcessIdentity> {
  const bin = postgresBin(options.env);
  const data = join(options.dir, 'data');
  if (!existsSync(join(data, 'PG_VERSION'))) await initCluster(options, bin, data);
  const logFile = join(options.dir, 'postgres.log');
  const [command, ...args] = asPostgres([
    join(bin, 'postgres'),
    '-D',
    data,
    '-h',
    options.host,
    '-p',
    String(options.port),
    '-k',
    options.dir,
    '-c',
    `max_connections=${MAX_CONNECTIONS}`,
  ]);
  if (command === undefined) throw new LabError('no command for postgres');
  const server = await startDaemon({
    name: 'postgres',
    command,
    args,
    env: options.env,
    cwd: options.dir,
    logFile,
  });
  await untilReady(options, bin, server, logFile);
  return server;
}

/** Fast shutdown: clients are disconnected, nothing committed is lost. */
export async function stopPostgres(server: ProcessIdentity): Promise<void> {
  await stopDaemon(server, 'SIGINT', STOP_GRACE_MS);
}

/** The URL of the superuser. */
export function postgresUrl(
  options: Pick<PostgresOptions, 'host' | 'port' | 'password'>,
  database: string,
): string {
  return `postgresql://postgres:${options.password}@${options.host}:${options.port}/${database}`;
}

function debianVersions(): string[] {
  if (!existsSync(DEBIAN_VERSIONS)) return [];
  return readdirSync(DEBIAN_VERSIONS).sort((a, b) => Number(b) - Number(a));
}

/** PostgreSQL refuses to run as root: there it runs as the user postgres. */
function asPostgres(command: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return command;
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', ...command];
}

async function initCluster(options: PostgresOptions, bin: string, data: string): Promise<void> {
  mkdirSync(options.dir, { recursive: true });
  const passwordFile = join(options.dir, 'superuser.password');
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0) await run('chown', ['-R', 'postgres:postgres', options.dir]);
  const [command = '', ...args] = asPostgres([
    join(bin, 'initdb'),
    '--pgdata',
    data,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ]);
  try {
    await run(command, args, { env: options.env, timeout: INIT_TIMEOUT_MS, cwd: options.dir });
  } catch (err) {
    throw new LabError(`initdb failed in ${options.dir}`, { cause: err });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  if (options.clients === undefined) return;
  appendFileSync(join(data, 'pg_hba.conf'), `host all all ${options.clients} scram-sha-256\n`);
}

async function untilReady(
  options: PostgresOptions,
  bin: string,
  server: ProcessIdentity,
  logFile: string,
): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const ready = await run(
      join(bin, 'pg_isready'),
      ['-q', '-h', options.host, '-p', String(options.port)],
      { env: options.env, timeout: 2_000 },
    ).then(
      () => true,
      () => false,
    );
    if (ready) return;
    if (!isAlive(server) || performance.now() > endMs) {
      await stopDaemon(server, 'SIGKILL', 0);
      throw new LabError(`postgres does not serve; end of ${logFile}:\n${logTail(logFile)}`);
    }
    await wait(30);
  }
}
