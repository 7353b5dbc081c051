import { join } from 'node:path';
import type { FoundFreeswitch, FreeswitchNode } from '../../src/lab/freeswitch.js';
import { packageRoot } from '../../src/util/package-root.js';

/** The folder with FreeSWITCH's configuration. */
export const CONF = join(packageRoot(), 'freeswitch');
/** The node's password. */
export const SECRET = 'a1b2c3d4e5f6';

/** Nothing of it is there. */
export const FOUND: FoundFreeswitch = {
  binary: '/opt/fs/bin/freeswitch',
  prefix: '/opt/fs',
  modDir: null,
};

/** A media node with its files below `runDir`. */
export const node = (runDir: string): FreeswitchNode => ({
  runDir,
  nodeName: 'media-1',
  sipHost: '127.0.30.1',
  sipPort: 5060,
  eslHost: '127.0.30.1',
  eslPort: 8021,
  eslPassword: SECRET,
  maxSessions: 1000,
});
