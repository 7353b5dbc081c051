import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { Seen } from '../marathon/client/fake-marathon.js';
import { withFake } from '../marathon/client/fake-marathon.js';
import { testDir } from '../support/resources.js';
import type { MarathonWorld } from './marathon-world.js';
import type { Outcome, Terminal } from './support.js';
import { carna } from './support.js';

/** A command line over a world. */
export interface WorldRun {
  /** The file's name, as the output shows it without its folder. */
  readonly file: string;
  /** What the file holds; undefined: there is no file. */
  readonly definition: unknown;
  /** The words of the command; `path` is the file's. */
  readonly words: (path: string) => string;
  readonly terminal?: Terminal;
  readonly data?: Partial<OperatorData>;
}

/** Runs one command against a world's Marathon, registry and agents. */
export async function runInWorld(world: MarathonWorld, run: WorldRun): Promise<Outcome> {
  const path = join(testDir('carna-cli'), run.file);
  if (run.definition !== undefined) writeFileSync(path, JSON.stringify(run.definition));
  let outcome: Outcome | undefined;
  await withFake(world.handle, async ({ url }) => {
    const env = { CARNA_MARATHON: url, ...run.terminal?.env };
    outcome = await carna(run.words(path), world.data(run.data), { ...run.terminal, env });
  });
  if (outcome === undefined) throw new Error('it did not run');
  const { out, err } = outcome;
  return { ...outcome, out: out.replaceAll(path, run.file), err: err.replaceAll(path, run.file) };
}

/** Carries out the next change and answers it with a text that is no whole JSON. */
export function loseNextAnswer(world: MarathonWorld, left: string, method = 'PUT'): void {
  world.intercept = (seen, response) => {
    if (seen.method !== method || seen.url.includes('dryRun')) return false;
    world.intercept = () => false;
    carryOut(world, seen);
    response.writeHead(200, { 'content-type': 'application/json' }).end(left);
    return true;
  };
}

/** As if the request had come by another way: nobody hears the answer. */
export function carryOut(world: MarathonWorld, seen: Seen): void {
  const quiet = { writeHead: () => undefined, end: () => undefined } as unknown as ServerResponse;
  world.handle(seen, quiet);
  world.changes.pop();
}

/** Ctrl-C while the next change is being answered. */
export function interruptNextChange(world: MarathonWorld): Terminal {
  let interrupt = (): void => undefined;
  const { intercept } = world;
  world.intercept = (seen, response) => {
    if (seen.method === 'PUT' && !seen.url.includes('dryRun')) interrupt();
    return intercept(seen, response);
  };
  return { onOutput: (_, stop) => (interrupt = stop) };
}
