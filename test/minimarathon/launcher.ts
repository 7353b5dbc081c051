import type { Host } from './hosts.js';
import type { Instance } from './instance.js';
import { provision } from './launch.js';
import type { Match } from './offers.js';
import { matchOffer, OfferStatistics, placedOf } from './offers.js';
import type { World } from './world.js';

/** More launches than that an offer does not take. */
const MAX_LAUNCHES_PER_OFFER = 5;

/** Offers come while something waits for them: every `offerMs`, one of each host. */
export class Launcher {
  readonly #world: World;
  #isDue = false;

  constructor(world: World) {
    this.#world = world;
    world.tracker.listen(({ instance }) => {
      if (instance.condition === 'Scheduled') this.#wake();
    });
  }

  #wake(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#world.timers.after(this.#world.timing.offerMs, () => {
      this.#isDue = false;
      this.#round();
      if (this.#waiting().length > 0) this.#wake();
    });
  }

  #waiting(): readonly Instance[] {
    return this.#world.tracker.all.filter(
      ({ condition, goal }) => condition === 'Scheduled' && goal === 'Running',
    );
  }

  #round(): void {
    for (const host of this.#world.hosts.values()) {
      if (!host.isLost) this.#offer(host);
    }
  }

  #offer(host: Host): void {
    const refused = new Set<string>();
    for (let launched = 0; launched < MAX_LAUNCHES_PER_OFFER; launched++) {
      const hasLaunched = this.#waiting().some((instance) => {
        const { spec } = instance;
        if (refused.has(spec.id) || this.#world.backoff.leftMs(spec) > 0) return false;
        const match = this.#match(host, instance);
        statisticsOf(this.#world, spec.id).count(host.offer.hostname, match);
        if (match.kind === 'match') provision(this.#world, host, instance, match.ports);
        else refused.add(spec.id);
        return match.kind === 'match';
      });
      if (!hasLaunched) return;
    }
  }

  #match(host: Host, instance: Instance): Match {
    const { refusal } = this.#world.switches;
    if (refusal !== null) return { kind: 'rejected', reason: refusal };
    const { spec } = instance;
    return matchOffer(host, spec, placedOf(this.#world.tracker.of(spec.id)));
  }
}

/** What the offers for that run spec came to so far. */
export function statisticsOf(world: World, runSpecId: string): OfferStatistics {
  const found = world.statistics.get(runSpecId) ?? new OfferStatistics();
  world.statistics.set(runSpecId, found);
  return found;
}
