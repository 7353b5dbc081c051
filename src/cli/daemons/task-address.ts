import { lookup } from 'node:dns/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { AddressSource } from '../../config/task-environment.js';
import { addressSource } from '../../config/task-environment.js';
import type { Env } from '../../config/variables.js';
import { ConfigError, messageOf, MissingPartError } from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';

/** What is asked of the machine. */
export interface AddressPorts {
  /** IPv4 addresses by interface. */
  readonly interfaces: () => Readonly<Record<string, readonly string[]>>;
  /** All addresses of a name. Rejects when there is none. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  /** A text that outlives the agent, in its CARNA_STATE_DIR; null when there is none. */
  readonly remembered: () => string | null;
  readonly remember: (text: string) => void;
}

const LOOKUP_MS = 10_000;
const LOOPBACK = /^(?:127\.|::1$)/;

/**
 * The environment with CARNA_SIP_HOST, found as README says. A name is looked up once in the life of a task: the next
 * agent has the same address, also without a name server, and the server's calls go on.
 *
 * Throws ConfigError naming the variable, MissingPartError when the name cannot be looked up.
 */
export async function withSipHost(env: Env, ports: AddressPorts): Promise<Env> {
  const source = addressSource(env);
  if (source.kind === 'as-set') return env;
  const address =
    source.kind === 'interface'
      ? addressOfInterface(source.name, ports.interfaces())
      : await addressOfHost(source, ports);
  return { ...env, CARNA_SIP_HOST: isIP(address) === 6 ? `[${address}]` : address };
}

function addressOfInterface(
  name: string,
  interfaces: Readonly<Record<string, readonly string[]>>,
): string {
  const [address] = interfaces[name] ?? [];
  if (address !== undefined) return address;
  const there = Object.keys(interfaces).join(', ');
  throw new ConfigError([
    `CARNA_SIP_INTERFACE: expected an interface with an IPv4 address (${there}), found ${JSON.stringify(name)}`,
  ]);
}

async function addressOfHost(
  { host, variable, taskId }: Extract<AddressSource, { kind: 'host' }>,
  ports: AddressPorts,
): Promise<string> {
  if (isIP(host) !== 0) return host;
  const key = `${taskId} ${host} `;
  const remembered = ports.remembered();
  if (remembered?.startsWith(key) === true) return remembered.slice(key.length);
  const address = await lookedUp(host, variable, ports);
  ports.remember(key + address);
  return address;
}

async function lookedUp(host: string, variable: string, ports: AddressPorts): Promise<string> {
  const remedy =
    'set CARNA_SIP_INTERFACE to the interface that takes calls, or register the host with its address';
  let found: readonly string[];
  try {
    found = await withDeadline(`looking up ${host}`, LOOKUP_MS, ports.lookup(host));
  } catch (err) {
    throw new MissingPartError(
      `${variable} is ${host}, which cannot be looked up: ${messageOf(err)}`,
      remedy,
    );
  }
  const usable = found.filter((address) => !LOOPBACK.test(address));
  const address = usable.find((one) => isIP(one) === 4) ?? usable[0];
  if (address !== undefined) return address;
  throw new MissingPartError(
    `${variable} is ${host}, which stands for ${found.join(', ')}: no other node could reach it there`,
    remedy,
  );
}

/** This machine's. `stateDir` is CARNA_STATE_DIR; empty = nothing is remembered. */
export function systemAddressPorts(stateDir: string): AddressPorts {
  const file = join(stateDir, 'sip-host');
  return {
    interfaces: () =>
      Object.fromEntries(
        Object.entries(networkInterfaces()).map(([name, addresses = []]) => [
          name,
          addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
        ]),
      ),
    lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
    remembered: () => {
      try {
        return stateDir === '' ? null : readFileSync(file, 'utf8');
      } catch {
        return null;
      }
    },
    remember: (text) => {
      try {
        if (stateDir !== '') writeFileSync(file, text, { mode: 0o600 });
      } catch {
        return; // A folder that cannot be written shows when the server starts.
      }
    },
  };
}
