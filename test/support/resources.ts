import { mkdirSync, mkdtempSync, chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new empty folder below the run's own (removed by test/run.ts), searchable by the user postgres. */
export function testDir(name: string): string {
  const root = process.env['CARNA_TEST_DIR'] ?? tmpdir();
  mkdirSync(root, { recursive: true });
  if (process.env['CARNA_TEST_DIR'] !== undefined) chmodSync(root, 0o711);
  const dir = mkdtempSync(join(root, `${name}-`));
  chmodSync(dir, 0o711);
  return dir;
}

/** A TCP port that was free a moment ago on a loopback address. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** A /24 of loopback for one test file: `${net}.1` and so on; differs between concurrent processes. */
export function loopbackNet(): string {
  return `127.${100 + (process.pid % 100)}.${1 + (Math.floor(process.pid / 100) % 250)}`;
}
