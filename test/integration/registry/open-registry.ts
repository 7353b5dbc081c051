import { openRegistry } from '../../../src/registry/registry.js';
import type { Registry } from '../../../src/registry/registry.js';
import { atEnd, quiet } from './lab.js';

/** Who may write, below `/lab`. */
export const AUTH = { user: 'carna', password: 'for-this-test-only' };

/** A connected registry of a data centre; closed at the end of the test file. */
export async function registryAt(address: string, dc: string, withAuth = true): Promise<Registry> {
  const opened = openRegistry({
    connectString: `${address}/lab`,
    auth: withAuth ? AUTH : null,
    zkSessionTimeoutMs: 2_000,
    cluster: 'test',
    dc,
    log: quiet,
  });
  atEnd(() => opened.close());
  await opened.whenConnected(10_000);
  return opened;
}
