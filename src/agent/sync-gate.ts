import type { Logger } from 'pino';
import { busNodes, donorsOf } from '../topology/bus.js';
import type { BusNode } from '../topology/bus.js';
import type { SyncLimits } from '../topology/sync.js';
import { judgeSync } from '../topology/sync.js';
import type { BusLink, BusView } from './bus-ports.js';
import type { Bell, Timekeeper } from './ports.js';

export interface SyncGateDeps {
  readonly self: BusSelf;
  readonly view: Pick<BusView, 'nodes' | 'isFresh'>;
  readonly link: Pick<BusLink, 'introduce' | 'sync' | 'countContacts'>;
  readonly time: Timekeeper;
  readonly limits: SyncLimits;
  readonly log: Logger;
}

/** Who we are on the bus. */
export interface BusSelf {
  readonly nodeId: string;
  readonly dc: string;
  readonly dmqPort: number;
  /** `sip:host:port` on the bus. */
  readonly address: string;
  readonly sip: { readonly host: string; readonly port: number };
}

/** From one look to the next while it is closed. */
const POLL_MS = 200;
/** The same when it was opened too early. */
const LATE_MS = 5_000;
const IDLE_MS = 60_000;

/**
 * Holds a server back until it has the contacts of the bus: a peer that has them all is asked to send
 * them. Its answer comes when all are sent; the counts tell when they have arrived.
 */
export class SyncGate {
  readonly #deps: SyncGateDeps;
  readonly #bell: Bell;
  #life = 0;
  #isOpen = false;
  #isAdopted = false;
  #text = 'no server runs';
  #fault: string | null = null;
  #answeredMs: number | null = null;
  /** Monotonic ms since when the own number stands; null until a peer sent all. */
  #sinceMs: number | null = null;
  #own: number | null = null;
  #attempts = 0;
  #onOpen: () => void = () => undefined;

  constructor(deps: SyncGateDeps) {
    this.#deps = deps;
    this.#bell = deps.time.newBell();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** For people: what it waits for, or how it ended. */
  get text(): string {
    return this.#text;
  }

  /** Why the contacts may not be whole although it is open; null = they are. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Called when it opens, and when a fault is mended. */
  onOpen(listener: () => void): void {
    this.#onOpen = listener;
  }

  /** Another life of the server begins: closed. */
  begin(isAdopted: boolean): void {
    this.#life += 1;
    this.#isOpen = false;
    this.#isAdopted = isAdopted;
    this.#text = 'waits for the contacts of the bus';
    this.#fault = null;
    this.#answeredMs = null;
    this.#sinceMs = null;
    this.#own = null;
    this.#attempts = 0;
    this.#bell.ring();
  }

  /** The server answers; safe to repeat. */
  serverAnswers(): void {
    if (this.#answeredMs !== null) return;
    this.#answeredMs = this.#deps.time.monoMs();
    this.#bell.ring();
  }

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#answeredMs !== null && this.#pauseMs() < IDLE_MS) {
        await this.#look(this.#life, this.#answeredMs);
      }
      await this.#bell.wait(this.#pauseMs(), signal);
    }
  }

  /** One that was opened too early goes on asking until all is here. */
  #pauseMs(): number {
    if (this.#answeredMs === null) return IDLE_MS;
    if (!this.#isOpen) return POLL_MS;
    return this.#fault === null ? IDLE_MS : LATE_MS;
  }

  async #look(life: number, answeredMs: number): Promise<void> {
    const { view, link, time, limits, self } = this.#deps;
    const donors = donorsOf(busNodes(view.nodes(), self));
    const donor = donors[this.#attempts % Math.max(1, donors.length)];
    const [own, given] = await Promise.all([
      link.countContacts(self.sip),
      donor === undefined ? null : link.countContacts(donor.sip),
    ]);
    if (life !== this.#life) return;
    const nowMs = time.monoMs();
    if (own !== this.#own && this.#sinceMs !== null) this.#sinceMs = nowMs;
    this.#own = own;
    const waitedMs = nowMs - answeredMs;
    const verdict = judgeSync(
      {
        isFresh: view.isFresh(),
        donors: donors.length,
        isAdopted: this.#isAdopted,
        isSent: this.#sinceMs !== null,
        own,
        donor: given,
        stoodMs: this.#sinceMs === null ? 0 : nowMs - this.#sinceMs,
        waitedMs,
      },
      this.#isOpen ? { ...limits, boundMs: Number.POSITIVE_INFINITY } : limits,
    );
    const counts = `${own ?? 'unknown'} here, ${given ?? 'unknown'} on ${donor?.nodeId ?? 'no peer'}`;
    if (verdict === 'alone') this.#open('no other node has contacts to give', null);
    if (verdict === 'synced') this.#open(`synced in ${Math.round(waitedMs)} ms: ${counts}`, null);
    if (verdict === 'late') {
      const fault = `its contacts may not be complete after ${Math.round(waitedMs)} ms: ${counts}`;
      this.#open(fault, fault);
    }
    if (verdict === 'ask' && donor !== undefined) await this.#fetch(donor, life);
  }

  /** Both must know of each other first: contacts are sent to members only. */
  async #fetch(donor: BusNode, life: number): Promise<void> {
    const { link, self, time, log } = this.#deps;
    this.#text = `fetches the contacts of ${donor.nodeId}`;
    const isSent =
      (await link.introduce(donor.address, self.address)) &&
      (await link.introduce(self.address, donor.address)) &&
      (await link.sync(donor.address, self.address));
    if (life !== this.#life) return;
    this.#bell.ring();
    if (isSent) {
      this.#sinceMs = time.monoMs();
      return;
    }
    this.#attempts += 1;
    this.#text = `${donor.nodeId} did not send its contacts, asking on`;
    if (this.#attempts === 1) log.warn({ peer: donor.nodeId }, 'a peer did not send its contacts');
    await time.wait(POLL_MS);
  }

  #open(text: string, fault: string | null): void {
    const { log } = this.#deps;
    this.#isOpen = true;
    this.#text = text;
    this.#fault = fault;
    if (fault === null) log.info({ how: text }, 'the contacts of the bus are here');
    else log.error({ why: fault }, 'the node serves although contacts may be missing');
    this.#onOpen();
  }
}
