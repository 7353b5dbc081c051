import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { LabError } from '../util/errors.js';
import type { LabContext } from './daemon-env.js';
import { startAgent, startReconciler } from './launch.js';
import {
  infrastructureNames,
  launchInfrastructure,
  untilZookeeperServes,
  zookeeperNames,
} from './infrastructure.js';
import { initialisePlatform } from './initialise.js';
import { NOT_READ, openPlatform } from './platform.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { isAlive } from './parts/daemon.js';
import type { LabPlan, LabSite, LabSize } from './plan.js';
import { addressesOf } from './addresses.js';
import { planLab } from './plan.js';
import { checkPortsFree } from './ports.js';
import type { Progress } from './progress.js';
import { newSecrets, writeSecretFiles } from './secrets.js';
import { NO_GENERATION } from './settled.js';
import type { KamailioProbing, LabState, MediaServer } from './state.js';
import { makeRunDir, partDir, readLab, writeLab } from './state.js';
import { tearDown } from './teardown.js';

export interface UpOptions {
  readonly runDir: string;
  readonly size: LabSize;
  /** First two numbers of every address. */
  readonly net: string;
  /** Which of several data centres it is; default: the only one. */
  readonly site?: LabSite;
  readonly probing: KamailioProbing;
  readonly media: MediaServer;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: (total: number) => Progress;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export type UpResult =
  | { readonly kind: 'started'; readonly state: LabState; readonly tookMs: number }
  | { readonly kind: 'already-up'; readonly state: LabState; readonly dead: readonly string[] };

const SETTLE_TIMEOUT_MS = 60_000;

/**
 * Brings the platform up and resolves when every node is up and every Kamailio proven.
 *
 * A lab that is up is left alone. Whatever fails, or an abort, takes everything down again before the
 * error is thrown: there is no half of a lab.
 */
export async function labUp(options: UpOptions): Promise<UpResult> {
  const startMs = performance.now();
  const found = readLab(options.runDir);
  if (found !== null) {
    const dead = Object.entries(found.processes).filter(([, process]) => !isAlive(process));
    const isUp = dead.length < Object.keys(found.processes).length;
    if (isUp) return { kind: 'already-up', state: found, dead: dead.map(([name]) => name) };
    await tearDown(found); // All of it died, for example with the machine: nothing to keep.
  }
  const plan = planLab(options.size, options.net, options.site);
  await checkPortsFree(
    addressesOf(plan),
    `stop what holds them, or use other addresses: carna lab up --net 127.${options.net === '127.0' ? '1' : '0'}`,
  );
  makeRunDir(options.runDir);
  const bringUp = new BringUp(options, plan);
  try {
    const state = await bringUp.run();
    return { kind: 'started', state, tookMs: performance.now() - startMs };
  } catch (err) {
    await tearDown(bringUp.state());
    throw err;
  }
}

/** One attempt to bring a lab up: knows at every moment what it has started. */
class BringUp {
  readonly #options: UpOptions;
  readonly #context: LabContext;
  readonly #progress: Progress;
  readonly #processes: Record<string, ProcessIdentity> = {};

  constructor(options: UpOptions, plan: LabPlan) {
    this.#options = options;
    this.#context = {
      runDir: options.runDir,
      mark: randomUUID(),
      plan,
      secrets: newSecrets(),
      probing: options.probing,
      env: options.env,
    };
    this.#progress = options.progress(
      infrastructureNames(plan).length + plan.reconcilers.length + plan.nodes.length,
    );
  }

  state(): LabState {
    const { runDir, mark, plan, secrets, probing } = this.#context;
    return {
      schema: 4,
      runDir,
      mark,
      startedAtMs: Date.now(),
      plan,
      media: this.#options.media,
      probing,
      secrets,
      processes: this.#processes,
    };
  }

  async run(): Promise<LabState> {
    const { runDir, plan, secrets } = this.#context;
    writeSecretFiles(runDir, plan, secrets);
    writeLab(this.state()); // Already now: `carna lab down` must find a lab that is only half up.
    try {
      await allSettled([
        ...zookeeperNames(plan).map((name) => this.#timed(name, this.#zookeeper(name))),
        this.#timed('postgres', this.#infrastructure('postgres')),
      ]);
      await initialisePlatform(this.#context, this.#options.log);
      this.#stopIfAborted();
      const starting = performance.now();
      await allSettled([
        ...plan.reconcilers.map(async (r) => this.#keep(r.name, startReconciler(this.#context, r))),
        ...plan.nodes.map(async (n) =>
          this.#keep(n.name, startAgent(this.#context, n, this.#options.media)),
        ),
      ]);
      writeLab(this.state());
      await this.#untilSettled(starting);
    } finally {
      this.#progress.end();
    }
    return this.state();
  }

  async #untilSettled(startingMs: number): Promise<void> {
    const { plan } = this.#context;
    const names = [...plan.reconcilers, ...plan.nodes].map((part) => part.name);
    for (const name of names) this.#progress.begin(name);
    const platform = openPlatform(this.state(), this.#options.log);
    try {
      const reported = new Set<string>();
      const wanted = plan.nodes.map((node) => node.name);
      await platform.untilSettled(wanted, SETTLE_TIMEOUT_MS, this.#options.signal, (waitingFor) => {
        this.#failOnDeath();
        for (const name of names) {
          if (reported.has(name) || isAwaited(name, waitingFor)) continue;
          reported.add(name);
          this.#progress.ready(name, performance.now() - startingMs);
        }
      });
    } finally {
      await platform.close();
    }
    this.#stopIfAborted();
  }

  async #zookeeper(name: string): Promise<void> {
    await this.#infrastructure(name);
    await untilZookeeperServes(this.#context.plan); // A member of an ensemble serves with the others only.
  }

  async #infrastructure(name: string): Promise<void> {
    await this.#keep(name, launchInfrastructure(this.#context, name));
  }

  async #timed(name: string, work: Promise<void>): Promise<void> {
    const startMs = performance.now();
    this.#progress.begin(name);
    await work;
    this.#progress.ready(name, performance.now() - startMs);
  }

  async #keep(name: string, start: Promise<ProcessIdentity>): Promise<void> {
    this.#processes[name] = await start;
  }

  #failOnDeath(): void {
    const dead = Object.entries(this.#processes).find(([, process]) => !isAlive(process));
    if (dead !== undefined) {
      const log = join(partDir(this.#context.runDir, dead[0]), 'log');
      throw new LabError(`${dead[0]} ended while the lab was starting; its log: ${log}`);
    }
  }

  #stopIfAborted(): void {
    if (this.#options.signal.aborted)
      throw new LabError('interrupted; everything was stopped again');
  }
}

/** Waits for all, then throws the first error: what is still starting when another fails must be known to be stopped. */
async function allSettled(starts: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(starts);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Reconcilers have no record of their own: they count as ready when the first generation stands. */
function isAwaited(name: string, waitingFor: readonly string[]): boolean {
  return waitingFor.some(
    (text) =>
      text.endsWith(name) ||
      text === NOT_READ ||
      (text === NO_GENERATION && name.startsWith('reconciler')),
  );
}
