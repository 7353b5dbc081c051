import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One bit that outlives the agent. Never throws: what cannot be read counts as false. */
export interface Flag {
  read(): boolean;
  write(isSet: boolean): void;
}

/** That we made the server refuse new work (servers/server.ts, RefusalMark). */
export function refusalFile(stateDir: string): Flag {
  return flagFile(join(stateDir, 'refusing'));
}

/** That a server of ours may run (known-server.ts). */
export function serverFlagFile(stateDir: string): Flag {
  return flagFile(join(stateDir, 'has-server'));
}

/** A folder that cannot be written shows elsewhere, at the next start of the server at the latest. */
function flagFile(path: string): Flag {
  return {
    read: () => existsSync(path),
    write: (isSet) => {
      try {
        if (!isSet) rmSync(path, { force: true });
        else {
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(path, '', { mode: 0o600 });
        }
      } catch {
        return;
      }
    },
  };
}
