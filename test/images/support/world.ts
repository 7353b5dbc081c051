import { readdirSync, readlinkSync } from 'node:fs';
import { docker } from './docker.js';

/** What an engine holds; sorted, so that two can be compared. */
export interface World {
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
}

export async function readWorld(): Promise<World> {
  const lines = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await docker(...args))
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  return {
    containers: await lines('ps', '--all', '--format', '{{.Names}} {{.Image}}'),
    volumes: await lines('volume', 'ls', '--quiet'),
  };
}

/** Network namespace of a process; null when it has ended. */
export function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

/** The network namespaces in which anything runs. */
export function livingNamespaces(): ReadonlySet<string | null> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(pids.map((pid) => namespaceOf(Number(pid))));
}
