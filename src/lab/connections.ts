import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { LabAddress } from './plan.js';

/** TCP state 01 of /proc/net/tcp. */
const ESTABLISHED = '01';

/** The process's own ends of its established connections to a server (Linux /proc, IPv4). Empty when it has ended. */
export function connectionsTo(pid: number, server: LabAddress): readonly LabAddress[] {
  try {
    return parseConnections(readFileSync(`/proc/${pid}/net/tcp`, 'utf8'), server, socketsOf(pid));
  } catch {
    return []; // Ended meanwhile.
  }
}

/** The same from the text of /proc/PID/net/tcp and the inodes of the process's sockets. Pure. */
export function parseConnections(
  table: string,
  server: LabAddress,
  inodes: ReadonlySet<string>,
): readonly LabAddress[] {
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local, remote, state] = fields;
    const inode = fields[9];
    if (local === undefined || remote === undefined || inode === undefined) return [];
    if (state !== ESTABLISHED || !inodes.has(inode)) return [];
    const to = parseAddress(remote);
    const from = parseAddress(local);
    const isIt = to?.host === server.host && to.port === server.port;
    return isIt && from !== null ? [from] : [];
  });
}

/** `0100007F:1F90` (bytes of the address in the machine's order, little-endian here) → 127.0.0.1:8080. */
function parseAddress(text: string): LabAddress | null {
  const match = /^([0-9A-F]{8}):([0-9A-F]{4})$/.exec(text);
  const [, address, port] = match ?? [];
  if (address === undefined || port === undefined) return null;
  const bytes = [6, 4, 2, 0].map((at) => Number.parseInt(address.slice(at, at + 2), 16));
  return { host: bytes.join('.'), port: Number.parseInt(port, 16) };
}

function socketsOf(pid: number): ReadonlySet<string> {
  const dir = `/proc/${pid}/fd`;
  const found = new Set<string>();
  for (const fd of readdirSync(dir)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${dir}/${fd}`))?.[1];
    if (inode !== undefined) found.add(inode);
  }
  return found;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // Closed between the listing and the look.
  }
}
