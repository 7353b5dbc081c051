import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { partDir } from '../../../src/lab/state.js';
import { stopDaemon } from '../../../src/lab/parts/daemon.js';
import { postgresUrl, startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import { startZookeeper } from '../../../src/lab/parts/zookeeper.js';
import { createDatabase } from '../../../src/store/create-database.js';
import { openStore } from '../../../src/store/pool.js';
import { RUN_MARK } from '../../support/reaper.js';
import { testDir } from '../../support/resources.js';
import { DOCKER_SOCKET, imageOf } from './docker.js';
import type { Outcome } from './docker.js';

const run = promisify(execFile);

const COMMAND_LIMIT_MS = 180_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const TICK_MS = 500;
const STOP_GRACE_MS = 5_000;
const DATABASE_LIMIT_MS = 10_000;
/** The ports of the compose file's own stores. */
const ZOOKEEPER_PORT = 2181;
const POSTGRES_PORT = 5432;

/** The platform of images/compose.yaml on one loopback net, with stores outside of it. */
export interface ComposePlatform {
  readonly project: string;
  /** Where phones and carriers reach it. */
  readonly host: string;
  /** Runs docker-compose with these arguments; any exit code is an answer. */
  compose(...args: readonly string[]): Promise<Outcome>;
  /** Runs a command of this build's carna as an operator; any exit code is an answer. */
  carna(...args: readonly string[]): Promise<Outcome>;
  close(): Promise<void>;
}

/**
 * Makes the secrets with images/secrets.sh, starts ZooKeeper and PostgreSQL as processes at the addresses where
 * the compose file expects them, and starts nothing else. `close` ends the stores.
 */
export async function openComposePlatform(net: string): Promise<ComposePlatform> {
  const dir = testDir('compose');
  const secrets = join(dir, 'secrets');
  const inner = `${net}.5`;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const project = `carna-test-${process.pid}`;
  const host = `${net}.0.1`;
  const files = writeFiles(dir, { host, inner, secrets, project });
  try {
    await run('images/secrets.sh', [secrets, `${inner}.1:${POSTGRES_PORT}`]);
    await startStores(dir, `${inner}.1`, secrets, closers);
  } catch (err) {
    await close();
    throw err;
  }
  const env = {
    ...process.env,
    CARNA_ZOOKEEPER: `${inner}.1:${ZOOKEEPER_PORT}`,
    CARNA_ZOOKEEPER_AUTH_FILE: join(secrets, 'zookeeper-auth'),
    CARNA_DATABASE_URL_FILE: join(secrets, 'agent-database-url'),
  };
  return {
    project,
    host,
    compose: (...args) => outcome('docker-compose', [...files, ...args], composeEnv()),
    carna: (...args) => outcome(process.execPath, ['dist/src/bin/carna.js', ...args], env),
    close,
  };
}

function composeEnv(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(?:CARNA|COMPOSE)_/.test(name));
  return { ...Object.fromEntries(ours), DOCKER_HOST: `unix://${DOCKER_SOCKET}` };
}

interface Place {
  readonly host: string;
  readonly inner: string;
  readonly secrets: string;
  readonly project: string;
}

/** The example of the environment with this run's values over it, and the mark of the run for every container. */
function writeFiles(dir: string, { host, inner, secrets, project }: Place): readonly string[] {
  const values = {
    CARNA_IMAGE: imageOf('carna'),
    CARNA_KAMAILIO_IMAGE: imageOf('kamailio'),
    CARNA_MEDIA_IMAGE: imageOf('standin'),
    CARNA_HOST: host,
    CARNA_INNER: inner,
    CARNA_DOCKER_GROUP: String(statSync(DOCKER_SOCKET).gid),
    CARNA_DOCKER_SOCKET: DOCKER_SOCKET,
    CARNA_DOCKER_PULL: 'never',
    CARNA_SECRETS: secrets,
    CARNA_ZOOKEEPER: `${inner}.1:${ZOOKEEPER_PORT}`,
    CARNA_DRAIN_DEADLINE_MS: '60000',
    CARNA_STOP_GRACE: '90s',
    // On a starved machine a living node is silent for a second: given up, it would answer beside the next one.
    CARNA_FR_TIMER_MS: '3000',
  };
  const given = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  const example = readFileSync('images/compose.env.example', 'utf8').replace(/^COMPOSE_.*\n/gm, '');
  writeFileSync(join(dir, 'env'), `${example}\n${given.join('')}`);
  const text = readFileSync('images/compose.yaml', 'utf8');
  const services = /^services:\n([^]*?)^secrets:/m.exec(text)?.[1] ?? '';
  const marked = [...services.matchAll(/^ {2}([\w-]+):/gm)].map(([, name]) => [
    name,
    { environment: { [RUN_MARK]: process.env[RUN_MARK] ?? '' } },
  ]);
  const mark = { services: Object.fromEntries(marked) as unknown };
  writeFileSync(join(dir, 'mark.json'), JSON.stringify(mark)); // JSON is YAML.
  return [
    ...['--file', 'images/compose.yaml', '--file', join(dir, 'mark.json')],
    ...['--env-file', join(dir, 'env'), '--project-name', project],
  ];
}

async function startStores(
  dir: string,
  host: string,
  secrets: string,
  closers: (() => Promise<unknown>)[],
): Promise<void> {
  const env = process.env;
  const zookeeper = await startZookeeper({
    ...{ dir: partDir(dir, 'zookeeper'), host, port: ZOOKEEPER_PORT, tickTimeMs: TICK_MS, env },
  });
  closers.push(() => stopDaemon(zookeeper, 'SIGTERM', STOP_GRACE_MS));
  const at = {
    ...{ host, port: POSTGRES_PORT },
    password: readFileSync(join(secrets, 'postgres-password'), 'utf8').trim(),
  };
  mkdirSync(partDir(dir, 'postgres'), { recursive: true });
  const postgres = await startPostgres({ ...at, dir: partDir(dir, 'postgres'), env });
  closers.push(() => stopPostgres(postgres));
  const server = openStore({
    url: postgresUrl(at, 'postgres'),
    connectTimeoutMs: DATABASE_LIMIT_MS,
    statementTimeoutMs: DATABASE_LIMIT_MS,
    log: pino({ level: 'silent' }),
  });
  try {
    await createDatabase(server, 'carna');
  } finally {
    await server.close();
  }
}

function outcome(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { env, timeout: COMMAND_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES, killSignal: 'SIGKILL' },
      (err, stdout, stderr) => {
        const code = err === null ? 0 : err.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(new Error(`${command} ${args.join(' ')}: ${stderr}`, { cause: err }));
      },
    );
  });
}
