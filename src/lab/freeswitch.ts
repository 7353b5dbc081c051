import { accessSync, constants, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { InvalidInputError, MissingPartError } from '../util/errors.js';
import { packageRoot } from '../util/package-root.js';

/** An installed FreeSWITCH. */
export interface FoundFreeswitch {
  readonly binary: string;
  readonly prefix: string;
  /** Where its modules are; null when none of the usual places has them: then its built-in path holds. */
  readonly modDir: string | null;
}

/** What one media node differs in. */
export interface FreeswitchNode {
  /** Holds everything the process writes. */
  readonly runDir: string;
  readonly nodeName: string;
  readonly sipHost: string;
  readonly sipPort: number;
  readonly eslHost: string;
  readonly eslPort: number;
  readonly eslPassword: string;
  /** FreeSWITCH's own limit: the N-th call is refused. */
  readonly maxSessions: number;
}

export interface FreeswitchCommand {
  /** The binary and its arguments; runs in the foreground without a terminal. */
  readonly command: string[];
  /** What its configuration reads; to be added to the process's environment. Holds the password. */
  readonly env: Record<string, string>;
  /** To be made with mode 0700 before the start: FreeSWITCH writes its expanded configuration, password included, into `log`. */
  readonly directories: readonly string[];
}

const MOD_DIRS = ['lib/freeswitch/mod', 'mod', 'lib64/freeswitch/mod'];
/** Values end up in XML attributes without any escape. */
const SAFE_VALUE = /^[A-Za-z0-9._:~+-]+$/;

/**
 * The FreeSWITCH named by CARNA_FREESWITCH, else the one on PATH, else null.
 *
 * Throws MissingPartError when CARNA_FREESWITCH names no executable file.
 */
export function findFreeswitch(
  env: Readonly<Record<string, string | undefined>>,
): FoundFreeswitch | null {
  const named = env['CARNA_FREESWITCH'] ?? '';
  if (named !== '' && !isExecutable(named)) {
    throw new MissingPartError(
      `CARNA_FREESWITCH=${named} is no executable file`,
      'name the freeswitch binary, or unset CARNA_FREESWITCH to use the one on PATH or the stand-in',
    );
  }
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, 'freeswitch'))
    .find(isExecutable);
  const binary = named === '' ? onPath : resolve(named);
  if (binary === undefined) return null;
  const prefix = dirname(dirname(realpathSync(binary)));
  const modDir = MOD_DIRS.map((dir) => join(prefix, dir)).find((dir) =>
    existsSync(join(dir, 'mod_sofia.so')),
  );
  return { binary, prefix, modDir: modDir ?? null };
}

/**
 * How to start `found` as a media node with the configuration in `freeswitch/`. Pure but for the place
 * of our own package.
 *
 * Throws InvalidInputError for a value that the configuration cannot carry.
 */
export function freeswitchCommand(found: FoundFreeswitch, node: FreeswitchNode): FreeswitchCommand {
  const env = nodeEnv(node);
  const dir = (name: string): string => join(node.runDir, name);
  // -conf, -log and -db must be given together; -run would follow -log.
  const writable: readonly (readonly [flag: string, dir: string])[] = [
    ['-log', dir('log')],
    ['-db', dir('db')],
    ['-run', dir('run')],
    ['-scripts', dir('scripts')],
    ['-htdocs', dir('htdocs')],
    ['-grammar', dir('grammar')],
    ['-certs', dir('certs')],
    ['-recordings', dir('recordings')],
    ['-storage', dir('storage')],
    ['-cache', dir('cache')],
    ['-temp', dir('temp')],
  ];
  const command = [
    found.binary,
    // Foreground, no console; -np: the default would take real-time priority from everyone else.
    ...['-nf', '-nc', '-nonat', '-np'],
    ...['-conf', join(packageRoot(), 'freeswitch')],
    ...writable.flat(),
    ...(found.modDir === null ? [] : ['-mod', found.modDir]),
  ];
  return { command, env, directories: writable.map(([, path]) => path) };
}

/** Makes the directories of a command, readable by their owner alone. */
export function prepareFreeswitchDirs(command: FreeswitchCommand): void {
  for (const dir of command.directories) mkdirSync(dir, { recursive: true, mode: 0o700 });
}

function nodeEnv(node: FreeswitchNode): Record<string, string> {
  const env: Record<string, string> = {
    CARNA_NODE_NAME: node.nodeName,
    CARNA_SIP_HOST: node.sipHost,
    CARNA_SIP_PORT: String(node.sipPort),
    CARNA_ESL_HOST: node.eslHost,
    CARNA_ESL_PORT: String(node.eslPort),
    CARNA_ESL_PASSWORD: node.eslPassword,
    CARNA_MAX_SESSIONS: String(node.maxSessions),
  };
  for (const [name, value] of Object.entries(env)) {
    if (!SAFE_VALUE.test(value)) {
      throw new InvalidInputError(name, 'only letters, digits and . _ : ~ + - fit into the XML');
    }
  }
  return env;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
