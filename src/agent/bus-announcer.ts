import type { Logger } from 'pino';
import type { BusNode, BusStep } from '../topology/bus.js';
import type { BusLink } from './bus-ports.js';
import type { AgentMetrics } from './metrics.js';

export interface AnnouncerDeps {
  readonly self: { readonly address: string };
  readonly link: Pick<BusLink, 'ask' | 'introduce' | 'sync'>;
  /** Our own node takes calls: its contacts are whole, and of use to others. */
  readonly isServing: () => boolean;
  readonly metrics: Pick<AgentMetrics, 'busAnnouncements'>;
  readonly log: Logger;
}

/** Beyond so many, one that cannot be reached is told of at each attempt no more. */
const MAX_UNREACHED = 100;

/** Makes our server and a peer members of one bus, and gives each what it missed. */
export class BusAnnouncer {
  readonly #deps: AnnouncerDeps;
  /** Members that could not be announced, so that each is told of once. */
  readonly #unreached = new Set<string>();
  readonly #sharing = new Map<string, Promise<void>>();

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#sharing.values());
  }

  /**
   * True when both know each other now. The peer first: what our server then sends to it, it must not take for
   * a stranger's.
   */
  async announce({ address, why }: BusStep, node: BusNode): Promise<boolean> {
    const { link, self, metrics, log } = this.#deps;
    const answer = await link.ask(address);
    const isDone =
      answer.kind === 'answers' &&
      (await link.introduce(address, self.address)) &&
      (await link.introduce(self.address, address));
    if (!isDone) {
      if (!this.#unreached.has(address) && this.#unreached.size < MAX_UNREACHED) {
        this.#unreached.add(address);
        log.warn({ member: address, why }, 'cannot announce a member of the bus, will retry');
      }
      return false;
    }
    this.#unreached.delete(address);
    metrics.busAnnouncements.inc();
    log.info({ member: address, why }, 'announced a member of the bus');
    const isPeerServing = node.state === 'up' || node.state === 'draining';
    if (isPeerServing && this.#deps.isServing()) {
      this.#share(node, answer.members.includes(self.address));
    }
    return true;
  }

  /**
   * Both served while they did not know each other: it lacks what came to us, and when it did not know us
   * either, we lack what came to it. A node that does not serve yet fetches what it lacks by itself.
   */
  #share({ nodeId, address }: BusNode, knewUs: boolean): void {
    const { link, self, log } = this.#deps;
    if (this.#sharing.has(address)) return;
    const share = async (): Promise<void> => {
      const isGiven = await link.sync(self.address, address);
      const isTaken = knewUs || (await link.sync(address, self.address));
      if (!isGiven || !isTaken) log.warn({ peer: nodeId, isGiven, isTaken }, 'contacts not shared');
      else log.info({ peer: nodeId, bothWays: !knewUs }, 'shared contacts with a peer');
      this.#sharing.delete(address);
    };
    this.#sharing.set(address, share());
  }
}
