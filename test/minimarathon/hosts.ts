import type { MesosHost } from './driver.js';

interface Lease {
  readonly cpus: number;
  readonly mem: number;
  readonly ports: readonly number[];
}

/** A Mesos agent: what it offers, and what of it is taken. */
export class Host {
  readonly offer: MesosHost;
  isLost = false;
  readonly #leases = new Map<string, Lease>();

  constructor(offer: MesosHost) {
    this.offer = offer;
  }

  get freeCpus(): number {
    return [...this.#leases.values()].reduce((left, lease) => left - lease.cpus, this.offer.cpus);
  }

  get freeMem(): number {
    return [...this.#leases.values()].reduce((left, lease) => left - lease.mem, this.offer.mem);
  }

  lease(taskId: string, lease: Lease): void {
    this.#leases.set(taskId, lease);
  }

  release(taskId: string): void {
    this.#leases.delete(taskId);
  }

  isFree(port: number): boolean {
    const isOffered = this.offer.ports.some(([first, last]) => port >= first && port <= last);
    return isOffered && ![...this.#leases.values()].some((lease) => lease.ports.includes(port));
  }

  /** Free ports in ascending order, without those of `not`. */
  *freePorts(not: readonly number[]): Generator<number> {
    for (const [first, last] of this.offer.ports) {
      for (let port = first; port <= last; port++) {
        if (this.isFree(port) && !not.includes(port)) yield port;
      }
    }
  }
}
