import { execFile } from 'node:child_process';
import { constants, accessSync } from 'node:fs';
import { LabError, MissingPartError } from '../util/errors.js';
import type { LabAddress, LabPlan } from './plan.js';

/**
 * Packets of a lab that the kernel loses without a word to either side: half-open TCP as a broken network
 * makes it, which a stopped process or a proxy cannot show (they still acknowledge, and nothing is sent
 * again). One chain of iptables per lab holds rules for its own loopback addresses and nothing else; taking
 * the chain away undoes everything, by whoever comes next: the drill, the next drill, or `carna lab down`.
 */

/** What is lost on its way to or from a server of the lab. */
export type Loss =
  | { readonly kind: 'all'; readonly server: LabAddress }
  /** Nobody can connect any more; connections that stand are left alone. */
  | { readonly kind: 'new-connections'; readonly server: LabAddress }
  /** Everything between two data centres that is told by their addresses. */
  | { readonly kind: 'between'; readonly nets: readonly [string, string] }
  /** One connection, told by its client's end. */
  | { readonly kind: 'connection'; readonly server: LabAddress; readonly client: LabAddress };

const COMMAND_TIMEOUT_MS = 10_000;
/** Another program may hold the tables for a moment. */
const LOCK_WAIT_S = '5';
const IPTABLES = ['/usr/sbin/iptables', '/sbin/iptables'];

type Net = Pick<LabPlan, 'net'>;

/** Why no packets can be dropped here; null when they can. */
export async function whyNotDropped(): Promise<string | null> {
  if (iptablesPath() === null || process.getuid?.() !== 0) return 'root and iptables';
  const listed = await iptables(['-n', '-L', 'INPUT']).catch(() => null);
  return listed === null ? 'the right to use iptables (CAP_NET_ADMIN)' : null;
}

/** Loses these packets from now on, and no others of this lab. Throws MissingPartError, LabError. */
export async function dropPackets(lab: Net, losses: readonly Loss[]): Promise<void> {
  const needed = await whyNotDropped();
  if (needed !== null) {
    throw new MissingPartError(
      `lost packets need ${needed}`,
      'run as root; apt-get install iptables',
    );
  }
  await passPackets(lab);
  const chain = chainOf(lab);
  await iptables(['-N', chain]);
  for (const loss of losses) {
    for (const match of matches(loss)) await iptables(['-A', chain, ...match, '-j', 'DROP']);
  }
  // The last step: all rules begin together.
  await iptables(['-I', 'INPUT', '-i', 'lo', '-j', chain]);
}

/** Packets lost so far by the rules that stand; 0 without any. */
export async function droppedSoFar(lab: Net): Promise<number> {
  const listed = await iptables(['-n', '-v', '-x', '-L', chainOf(lab)]).catch(() => '');
  return droppedIn(listed);
}

/** Sums up the answer to `iptables -nvxL CHAIN`. Pure. */
export function droppedIn(listed: string): number {
  const counts = [...listed.matchAll(/^\s*(\d+)\s+\d+\s+DROP\s/gm)].map(([, packets]) =>
    Number(packets),
  );
  return counts.reduce((sum, packets) => sum + packets, 0);
}

/**
 * Lets everything pass again; harmless when nothing was lost, and where there is no iptables. Throws
 * LabError when rules are left.
 */
export async function passPackets(lab: Net): Promise<void> {
  if (iptablesPath() === null || process.getuid?.() !== 0) return;
  const chain = chainOf(lab);
  const isThere = await iptables(['-n', '-L', chain]).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  // Fails when the chain was never put in place.
  await iptables(['-D', 'INPUT', '-i', 'lo', '-j', chain]).catch(() => undefined);
  await iptables(['-F', chain]);
  await iptables(['-X', chain]);
}

function chainOf({ net }: Net): string {
  return `carna-lab-${net}`;
}

/** On their way in, where a loss is silent; a packet refused on its way out is an error of the sender. Pure. */
export function matches(loss: Loss): readonly (readonly string[])[] {
  if (loss.kind === 'between') {
    const [a, b] = loss.nets.map((net) => `${net}.0.0/16`);
    return a === undefined || b === undefined
      ? []
      : [
          ['-s', a, '-d', b],
          ['-s', b, '-d', a],
        ];
  }
  const toServer = ['-p', 'tcp', '-d', loss.server.host, '--dport', String(loss.server.port)];
  const fromServer = ['-p', 'tcp', '-s', loss.server.host, '--sport', String(loss.server.port)];
  switch (loss.kind) {
    case 'all':
      return [toServer, fromServer];
    case 'new-connections':
      return [[...toServer, '--syn']];
    case 'connection': {
      const { host, port } = loss.client;
      return [
        [...toServer, '-s', host, '--sport', String(port)],
        [...fromServer, '-d', host, '--dport', String(port)],
      ];
    }
  }
}

function iptablesPath(): string | null {
  return IPTABLES.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function iptables(args: readonly string[]): Promise<string> {
  const path = iptablesPath();
  if (path === null) throw new LabError('there is no iptables');
  return new Promise((resolve, reject) => {
    execFile(path, ['-w', LOCK_WAIT_S, ...args], { timeout: COMMAND_TIMEOUT_MS }, (err, stdout) => {
      if (err === null) resolve(stdout);
      else reject(new LabError(`iptables ${args.join(' ')} failed`, { cause: err }));
    });
  });
}
