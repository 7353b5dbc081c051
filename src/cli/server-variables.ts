import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../util/package-root.js';

/** Folders with the SIP servers' own configurations. */
const FOLDERS = ['kamailio', 'freeswitch'];

/** Variables that the configurations shipped with Carna read. */
export function serverVariables(): Set<string> {
  const folders = FOLDERS.map((name) => join(packageRoot(), name)).filter(existsSync);
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    ),
  );
  return new Set(
    files.flatMap((path) => readFileSync(path, 'utf8').match(/CARNA_[A-Z0-9_]*[A-Z0-9]/g) ?? []),
  );
}
