import { z } from 'zod';
import { MAX_REMOTES } from '../topology/node.js';
import type { ZookeeperAddress } from './common.js';
import { parseZookeeperAddress, shortName, ZOOKEEPER_EXPECTED } from './common.js';
import { withDefault } from './variables.js';

/** The ensemble of another data centre. */
export interface RemoteZookeeper {
  readonly dc: string;
  readonly zookeeper: ZookeeperAddress;
}

/** Parses `dc2=host:port[,host:port][/chroot][;dc3=...]`; null when it is none, or names a data centre twice. Pure. */
export function parseRemoteZookeepers(text: string): readonly RemoteZookeeper[] | null {
  if (text === 'none') return [];
  const remotes = text.split(';').flatMap((part) => {
    const at = part.indexOf('=');
    const dc = shortName.safeParse(part.slice(0, Math.max(0, at)));
    const zookeeper = parseZookeeperAddress(part.slice(at + 1));
    return dc.success && zookeeper !== null ? [{ dc: dc.data, zookeeper }] : [null];
  });
  const good = remotes.filter((remote) => remote !== null);
  const names = new Set(good.map(({ dc }) => dc));
  const isGood = good.length === remotes.length && names.size === good.length;
  return isGood && good.length <= MAX_REMOTES ? good : null;
}

const remoteZookeepers = z.string().transform((text, ctx) => {
  const remotes = parseRemoteZookeepers(text);
  if (remotes !== null) return remotes;
  ctx.addIssue({ code: 'custom', message: 'no list of ensembles' });
  return z.NEVER;
});

export const REMOTE_ZOOKEEPERS = withDefault('CARNA_REMOTE_ZOOKEEPERS', 'none', remoteZookeepers, {
  expected: `dc=${ZOOKEEPER_EXPECTED}[;dc=…], at most ${MAX_REMOTES} other data centres, or none`,
  meaning:
    "ensembles of the other data centres, read only and without a credential: their media nodes are this one's fallback",
});
