import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CarnaError, MissingPartError } from '../../util/errors.js';
import { postgresBin } from './postgres.js';
import { zookeeperClasspath } from './zookeeper.js';

/** One program that the lab is made of: its version, or what is missing and how to get it. */
export interface Part {
  readonly name: string;
  readonly version: string | null;
  readonly missing: string | null;
}

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 10_000;

/** Asks each real program for its version. Never throws: what is missing is said in the answer. */
export async function readParts(
  env: NodeJS.ProcessEnv,
  find: { readonly kamailio: () => string; readonly sipp: () => string },
): Promise<readonly Part[]> {
  return Promise.all([
    part('kamailio', async () => versionOf(find.kamailio(), ['-v'], /kamailio (\d[\w.]*)/)),
    part('postgresql', async () =>
      versionOf(join(postgresBin(env), 'postgres'), ['--version'], /(\d[\d.]*)/),
    ),
    part('zookeeper', async () => zookeeperVersion(zookeeperClasspath(env))),
    part('java', async () => versionOf(env['CARNA_JAVA'] ?? 'java', ['-version'], /"(\d[\w.]*)/)),
    part('sipp', async () => versionOf(find.sipp(), ['-v'], /SIPp v(\d[\d.]*)/)),
  ]);
}

async function part(name: string, ask: () => Promise<string>): Promise<Part> {
  try {
    return { name, version: await ask(), missing: null };
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    return { name, version: null, missing: err.message };
  }
}

/** Some programs print their version on stderr, and sipp exits with 99. */
async function versionOf(
  command: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string> {
  const output = await run(command, [...args], { timeout: VERSION_TIMEOUT_MS }).catch(
    (err: { code?: unknown; stdout?: string; stderr?: string }) => {
      if (err.code === 'ENOENT') {
        throw new MissingPartError(`${command} is missing`, `install it, or run: make packages`);
      }
      return { stdout: err.stdout ?? '', stderr: err.stderr ?? '' };
    },
  );
  return pattern.exec(output.stdout + output.stderr)?.[1] ?? 'unknown version';
}

/** The version stands in the name of a jar: the one named, what it links to, or its twin in the same folder. */
function zookeeperVersion(classpath: string): string {
  const jars = classpath.split(':').filter((jar) => existsSync(jar));
  const twins = jars.flatMap((jar) => readdirSync(dirname(jar)));
  const names = [...jars, ...jars.map((jar) => realpathSync(jar)), ...twins];
  const found = names.map((name) => /zookeeper-(\d[\d.]*\d)\.jar$/.exec(name)?.[1]);
  return found.find((version) => version !== undefined) ?? 'unknown version';
}
