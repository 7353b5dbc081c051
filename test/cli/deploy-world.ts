import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { goodApp } from '../marathon/lint/good.js';
import type { MarathonWorld } from './marathon-world.js';
import { runInWorld } from './run-in-world.js';
import type { Outcome, Terminal } from './support.js';

export const MEDIA = '/carna/dc1/media';
export const OUTBOUND = '/carna/dc1/outbound';

/** An app of the role that its id ends with. */
export function appOf(id: string, more: Definition = {}): Definition {
  const role = id.slice(id.lastIndexOf('/') + 1);
  const app = goodApp();
  return { ...app, id, env: { ...(app['env'] as Definition), CARNA_ROLE: role }, ...more };
}

/** A data centre of these apps. */
export const group = (...apps: readonly Definition[]): Definition => ({ id: '/carna/dc1', apps });

/** Runs `carna deploy` with one file. */
export async function deploy(
  world: MarathonWorld,
  definition: unknown,
  line = '--yes',
  terminal: Terminal = {},
): Promise<Outcome> {
  const words = (path: string): string => `deploy ${path} ${line}`;
  const env = { CARNA_CLUSTER: 'carna', ...terminal.env };
  return runInWorld(world, { file: 'dc1.json', definition, words, terminal: { ...terminal, env } });
}
