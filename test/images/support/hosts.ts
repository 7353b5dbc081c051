import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { docker, dockerOutcome, inspect, MARK } from './docker.js';
import { ownedByUs, removeLeftovers } from './leftovers.js';

/** One machine of the platform: a network namespace with an address, held by a container that does nothing. */
export interface ContainerHost {
  /** Its address, which is what a task sees as HOST. */
  readonly hostname: string;
  /** Name of the container whose network its tasks join. */
  readonly pause: string;
  /** PID, as this machine sees it, of a process in its network namespace. */
  readonly pid: number;
}

/** Machines on a switch of their own. */
export interface HostNetwork {
  /** This machine's own address on the switch. */
  readonly gateway: string;
  /** Another of its addresses there, for who is no server of ours. */
  readonly outside: string;
  /** Name of this machine's link to it. */
  readonly link: string;
  readonly hosts: readonly ContainerHost[];
  /** Pulls the cable: what runs there runs on and reaches nobody. */
  lose(hostname: string): Promise<void>;
  giveBack(hostname: string): Promise<void>;
  /** Removes all of it; nothing may run on the hosts any more. Safe to call twice. */
  close(): Promise<void>;
}

/** Made by images/base.sh before any image of ours. */
const BASE_IMAGE = 'carna/base:bookworm';
const SUBNETS = 250;
/** Last number of the first host's address. */
const FIRST_HOST = 10;
const COMMAND_LIMIT_MS = 10_000;
/** Containers that are started at once. */
const AT_ONCE = 4;
const run = promisify(execFile);

/**
 * Makes `count` hosts on 10.213.N.0/24, with N free on this machine, whose own addresses there are .1 and .2.
 *
 * The switch is a bridge in a namespace of its own, without uplink, forwarding or firewall: this machine's
 * settings have no say, and when its container ends, even by the death of this process and the reaper, the
 * kernel takes every link away, a little later. Needs root and an engine on this machine. Nothing is left when it throws.
 */
export async function openHosts(count: number): Promise<HostNetwork> {
  await removeLeftovers();
  const id = randomUUID().slice(0, 8);
  const switchName = `carna-switch-${id}`;
  const names = Array.from({ length: count }, (_, n) => `carna-host-${id}-${n + 1}`);
  let ownLink: string | null = null;
  const close = async (): Promise<void> => {
    // The kernel would take it away with the namespace, but some time later.
    if (ownLink !== null) await ip('link', 'del', ownLink).catch(() => undefined);
    ownLink = null;
    await dockerOutcome(['rm', '--force', '--volumes', switchName, ...names]);
  };
  try {
    const switchPid = await holdNamespace(switchName);
    await inside(switchPid, 'ip link add name br0 type bridge', 'ip link set br0 up');
    const { link, net } = await connectMachine(switchPid);
    ownLink = link;
    const hosts: ContainerHost[] = [];
    for (let n = 0; n < count; n += AT_ONCE) {
      const batch = names
        .slice(n, n + AT_ONCE)
        .map((name, i) => connectHost(switchPid, name, net, n + i + 1));
      hosts.push(...(await Promise.all(batch)));
    }
    const set = async (hostname: string, state: 'up' | 'down'): Promise<void> => {
      const index = hosts.findIndex((host) => host.hostname === hostname);
      if (index < 0) throw new RangeError(`no host ${hostname}`);
      await inside(switchPid, `ip link set ${portOf(index + 1)} ${state}`);
    };
    return {
      gateway: `${net}.1`,
      outside: `${net}.2`,
      link,
      hosts,
      lose: (hostname) => set(hostname, 'down'),
      giveBack: (hostname) => set(hostname, 'up'),
      close,
    };
  } catch (err) {
    await close();
    throw err;
  }
}

/** Starts a container without any network; gives a PID in its namespace. */
async function holdNamespace(name: string): Promise<number> {
  const how = ['--detach', '--name', name, '--network=none', ...ownedByUs(), ...MARK];
  await docker('run', ...how, BASE_IMAGE, 'sleep', 'infinity');
  return (await inspect(name, '.State.Pid')) as number;
}

/** Gives this machine a link to the switch. The name of a link is unique, which settles who has which subnet. */
async function connectMachine(switchPid: number): Promise<{ link: string; net: string }> {
  for (let tries = 0; tries < SUBNETS; tries++) {
    const n = 1 + ((process.pid + tries) % SUBNETS);
    const [link, net] = [`carna-h${n}`, `10.213.${n}`];
    const { stdout } = await ip('-brief', 'addr', 'show', 'to', `${net}.0/24`);
    if (stdout.trim() !== '') continue;
    try {
      await ip(
        ...`link add name ${link} type veth peer name machine netns ${switchPid}`.split(' '),
      );
    } catch (err) {
      if (/File exists/.test(String((err as { stderr?: unknown }).stderr))) continue;
      throw err;
    }
    await inside(switchPid, 'ip link set machine master br0 up');
    for (const own of [1, 2]) await ip('addr', 'add', `${net}.${own}/24`, 'dev', link);
    await ip('link', 'set', link, 'up');
    return { link, net };
  }
  throw new Error('no subnet of 10.213.0.0/16 is free');
}

/** Name of a host's port on the switch, counted from 1. */
const portOf = (n: number): string => `port${n}`;

async function connectHost(
  switchPid: number,
  name: string,
  net: string,
  n: number,
): Promise<ContainerHost> {
  const pid = await holdNamespace(name);
  const hostname = `${net}.${FIRST_HOST + n}`;
  await ip(
    ...`link add name eth0 netns ${pid} type veth peer name ${portOf(n)} netns ${switchPid}`.split(
      ' ',
    ),
  );
  await inside(switchPid, `ip link set ${portOf(n)} master br0 up`);
  await inside(
    pid,
    'ip link set lo up',
    `ip addr add ${hostname}/24 dev eth0`,
    'ip link set eth0 up',
  );
  return { hostname, pause: name, pid };
}

/** Runs commands, one after the other, in the network namespace of a process. */
async function inside(pid: number, ...commands: readonly string[]): Promise<void> {
  const args = [`--net=/proc/${pid}/ns/net`, 'sh', '-c', commands.join(' && ')];
  await run('nsenter', args, { timeout: COMMAND_LIMIT_MS });
}

function ip(...args: readonly string[]): Promise<{ stdout: string }> {
  return run('ip', [...args], { timeout: COMMAND_LIMIT_MS });
}
