import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RefusalMark } from '../servers/server.js';

const FILE = 'refusing';

/**
 * The mark as a file `refusing` in the state folder. A folder that cannot be written shows elsewhere, at
 * the next start of the server at the latest, so that nothing is said of it here.
 */
export function refusalFile(stateDir: string): RefusalMark {
  const path = join(stateDir, FILE);
  return {
    read: () => existsSync(path),
    write: (isRefusing) => {
      try {
        if (isRefusing) writeFileSync(path, '', { mode: 0o600 });
        else rmSync(path, { force: true });
      } catch {
        return;
      }
    },
  };
}
