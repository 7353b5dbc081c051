import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { KamailioRole } from '../../topology/node.js';
import { MissingPartError } from '../../util/errors.js';
import { packageRoot } from '../../util/package-root.js';

export interface KamailioCommandOptions {
  readonly role: KamailioRole;
  readonly binary: string;
  /** Existing folder, the working directory of this node alone. */
  readonly runDir: string;
  /**
   * Shared memory: transactions (kept 5 s after their end), dialogs, destinations. A load-balancer uses
   * about 0.2 MB for each call a second, a dispatcher a quarter of that; when it is used up calls fail.
   */
  readonly shmMb: number;
  /** Private memory of each process. */
  readonly pkgMb: number;
}

const REMEDY =
  'apt-get install kamailio kamailio-postgres-modules, or set CARNA_KAMAILIO to the program';
/** Where Debian puts servers; not on the PATH of every user. */
const SERVER_DIRS = ['/usr/sbin', '/usr/local/sbin'];

/**
 * The command that runs Kamailio in the foreground, logging to stderr. All else, secrets included, it
 * reads from the environment (`kamailio/include/environment.cfg` lists the variables). It writes no PID file:
 * one that was left by a killed server may name a living stranger, and the next start would refuse.
 */
export function kamailioCommand(options: KamailioCommandOptions): string[] {
  return [
    options.binary,
    '-DD',
    '-E',
    '-f',
    kamailioConfig(options.role),
    '-Y',
    options.runDir,
    '-w',
    options.runDir,
    '-m',
    String(options.shmMb),
    '-M',
    String(options.pkgMb),
  ];
}

/** The configuration file of a role. */
export function kamailioConfig(role: KamailioRole): string {
  return join(packageRoot(), 'kamailio', role, 'kamailio.cfg');
}

/**
 * Kamailio's program: `CARNA_KAMAILIO`, else from PATH or Debian's place for servers.
 *
 * Throws MissingPartError when it, or its PostgreSQL driver, is not there.
 */
export function kamailioBinary(env: NodeJS.ProcessEnv): string {
  const named = env['CARNA_KAMAILIO'];
  const dirs = [
    ...(env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== ''),
    ...SERVER_DIRS,
  ];
  const candidates =
    named !== undefined && named !== '' ? [named] : dirs.map((dir) => join(dir, 'kamailio'));
  const binary = candidates.find((file) => existsSync(file));
  if (binary === undefined) {
    throw new MissingPartError(`Kamailio is missing (${named ?? 'no kamailio on PATH'})`, REMEDY);
  }
  const modules = modulesBeside(binary);
  if (modules !== null && !existsSync(join(modules, 'db_postgres.so'))) {
    throw new MissingPartError(`Kamailio's PostgreSQL driver is missing in ${modules}`, REMEDY);
  }
  return binary;
}

/**
 * The module folder of a Kamailio that does not lie in the system's own place, for CARNA_MODULE_PATH;
 * null for the system's (which knows its folder) and when nothing is found beside the program.
 */
export function kamailioModulePath(binary: string): string | null {
  return SERVER_DIRS.includes(dirname(realpathSync(binary))) ? null : modulesBeside(binary);
}

/** PREFIX/sbin/kamailio has its modules in PREFIX/lib*[/ARCH]/kamailio/modules. */
function modulesBeside(binary: string): string | null {
  const prefix = dirname(dirname(realpathSync(binary)));
  for (const lib of ['lib64', 'lib']) {
    const root = join(prefix, lib);
    if (!existsSync(root)) continue;
    const architectures = readdirSync(root).filter((name) => name.endsWith('-linux-gnu'));
    for (const dir of [root, ...architectures.map((name) => join(root, name))]) {
      const modules = join(dir, 'kamailio', 'modules');
      if (existsSync(join(modules, 'tm.so'))) return modules;
    }
  }
  return null;
}
