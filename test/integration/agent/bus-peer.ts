import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentHealth } from '../../../src/agent/run-agent.js';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { signalDaemon, startDaemon, stopDaemon } from '../../../src/lab/parts/daemon.js';
import { kamailioBinary, kamailioCommand } from '../../../src/lab/parts/kamailio.js';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import type { DmqNode } from '../../../src/protocols/binrpc/dmq-rpc.js';
import { readDmqNodes, removeDmqNode } from '../../../src/protocols/binrpc/dmq-rpc.js';
import { readContactCount } from '../../../src/protocols/sip/options-ping.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';

const SCRIPT = join(process.cwd(), 'dist/src/bin/carna.js');
const SIP_PORT = 5060;
const DMQ_PORT = 5061;
export const LIMIT_MS = 60_000;

/** One `carna agent` beside a real Kamailio of a role on the bus. */
export class BusPeer {
  readonly host: string;
  readonly address: string;
  readonly logFile: string;
  readonly #id: string;
  readonly #http: number;
  readonly #env: NodeJS.ProcessEnv;
  readonly #ctl: BinrpcClient;
  #agent: ProcessIdentity | null = null;

  constructor(at: number, role: 'registrar' | 'outbound', http: number, env: NodeJS.ProcessEnv) {
    this.host = `${loopbackNet()}.${at}`;
    this.address = `sip:${this.host}:${DMQ_PORT}`;
    this.#id = `${role}-${at}`;
    this.#http = http;
    const dir = testDir(this.#id);
    mkdirSync(join(dir, 'state'));
    mkdirSync(join(dir, 'run'));
    this.logFile = join(dir, 'log');
    const binary = kamailioBinary(process.env);
    const sizes = { shmMb: 64, pkgMb: 8 };
    const command = kamailioCommand({ role, binary, runDir: join(dir, 'run'), ...sizes });
    const socketPath = join(dir, 'ctl');
    this.#ctl = new BinrpcClient({ socketPath, timeoutMs: 2_000 });
    this.#env = {
      ...env,
      CARNA_NODE_ID: this.#id,
      CARNA_ROLE: role,
      CARNA_SIP_HOST: this.host,
      CARNA_SIP_PORT: String(SIP_PORT),
      CARNA_DMQ_PORT: String(DMQ_PORT),
      CARNA_HTTP_PORT: String(http),
      CARNA_STATE_DIR: join(dir, 'state'),
      CARNA_CTL_SOCKET: socketPath,
      CARNA_SERVER_COMMAND: JSON.stringify(command),
    };
  }

  /** Starts the agent; what it starts or takes over is its own business. */
  async start(): Promise<void> {
    this.#agent = await startDaemon({
      name: this.#id,
      command: process.execPath,
      args: [SCRIPT, 'agent'],
      env: this.#env,
      cwd: process.cwd(),
      logFile: this.logFile,
    });
  }

  /** Resolves when its record says up; gives the contacts that it held then. */
  async up(): Promise<number | null> {
    let held: number | null = null;
    await this.#until('is up', async () => {
      if ((await this.health())?.state !== 'up') return false;
      held = await this.contacts();
      return true;
    });
    return held;
  }

  async #until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    try {
      await waitUntil(`${this.#id} ${what}`, LIMIT_MS, isTrue);
    } catch (err) {
      const health = JSON.stringify(await this.health());
      const facts = `it lists: ${await this.members()}; ${health}\n${this.log()}`;
      throw new Error(`${this.#id}: not ${what}; ${facts}`, { cause: err });
    }
  }

  /** Null while the agent does not answer. */
  async health(): Promise<AgentHealth | null> {
    try {
      const signal = AbortSignal.timeout(2_000);
      const answer = await fetch(`http://127.0.0.1:${this.#http}/healthz`, { signal });
      return (await answer.json()) as AgentHealth;
    } catch {
      return null;
    }
  }

  /** What /metrics says. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#http}/metrics`)).text();
  }

  /** `kill -9` of Kamailio's main process, as its agent finds it. */
  async killServer(): Promise<void> {
    process.kill((await this.health())?.server.pid ?? Number.NaN, 'SIGKILL');
  }

  /** `kill -9` of the agent; its server goes on. */
  async killAgent(): Promise<void> {
    if (this.#agent !== null) await stopDaemon(this.#agent, 'SIGKILL', 5_000);
    this.#agent = null;
  }

  /** Its Kamailio forgets a member, as when the network between them was cut for long. */
  async forget(peer: BusPeer): Promise<void> {
    await removeDmqNode(this.#ctl, peer.address);
  }

  /** Agent and server at once, as when a host is lost; it does not come back. */
  async loseHost(): Promise<void> {
    const pid = (await this.health())?.server.pid ?? null;
    this.signalAgent('SIGSTOP');
    if (pid !== null) killGroup(pid);
    await this.killAgent();
  }

  /** Stops or continues every process of its Kamailio. */
  async signalServer(signal: NodeJS.Signals): Promise<void> {
    const pid = (await this.health())?.server.pid ?? Number.NaN;
    process.kill(-pid, signal);
  }

  signalAgent(signal: NodeJS.Signals): void {
    if (this.#agent !== null) signalDaemon(this.#agent, signal);
  }

  /** Another life of its server has begun. */
  async untilInstanceAfter(instanceId: string): Promise<void> {
    await this.#until('runs anew', async () => {
      const health = await this.health();
      return health !== null && health.instanceId !== instanceId;
    });
  }

  /** The other members as its Kamailio lists them, by host. */
  async members(): Promise<string> {
    const nodes = await readDmqNodes(this.#ctl).catch((): DmqNode[] => []);
    const others = nodes.filter((node) => !node.isLocal);
    return others
      .map(({ address, status }) => `${address.split(':')[1]?.split('.').at(-1)} ${status}`)
      .sort()
      .join(', ');
  }

  async untilMembers(expected: string): Promise<void> {
    await this.#until(`lists ${expected}`, async () => (await this.members()) === expected);
  }

  /** Registers `count` phones here; replicated like any registration. */
  async register(name: string, count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const aor = `${name}${at}@carna.test`;
      const contact = `sip:${name}${at}@127.0.0.1:5070`;
      const rest = [3600, { double: 1 }, '.', 0, 0, 0];
      await this.#ctl.call('ul.add', ['location', aor, contact, ...rest]);
    }
  }

  /** As its answer to OPTIONS says; null while it does not answer. */
  async contacts(): Promise<number | null> {
    return readContactCount({
      target: { transport: 'udp', host: this.host, port: SIP_PORT },
      timeoutMs: 1_000,
      random: Math.random,
      monoMs: () => performance.now(),
    });
  }

  async untilContacts(expected: number): Promise<void> {
    await this.#until(`has ${expected} contacts`, async () => (await this.contacts()) === expected);
  }

  /** The last lines of its agent's log. */
  log(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-40).join('\n');
  }

  /** The agent drains and stops its server; by force when it does not. */
  async stop(): Promise<void> {
    if (this.#agent !== null) {
      signalDaemon(this.#agent, 'SIGCONT');
      const pid = (await this.health())?.server.pid ?? null;
      await stopDaemon(this.#agent, 'SIGTERM', 15_000);
      if (pid !== null) killGroup(pid);
    }
    this.#agent = null;
    this.#ctl.close();
  }
}

/** What a stopped agent may have left. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (err) {
    if (!(err instanceof Error && 'code' in err && err.code === 'ESRCH')) throw err;
  }
}
