import type { LiveNode } from '../../../src/topology/desired-rows.js';
import type { NodeRecord } from '../../../src/topology/node.js';
import { record } from '../../topology/records.js';

export const NODES = 8;

/** The nodes as they are, and as the registry shows them. */
export class TopologyNodes {
  readonly truth = new Map<string, LiveNode>();
  readonly seen = new Map<string, LiveNode>();
  readonly #former = new Map<string, LiveNode>();
  readonly #addresses = new Map<string, number>();
  #czxids = 1n;

  publish(nodeId: string, part: Partial<NodeRecord>, nowMs: number, isSeen: boolean): void {
    const now = this.truth.get(nodeId);
    const address = this.#addresses.get(nodeId) ?? Number(nodeId.slice(1));
    const sip = [{ transport: 'udp', host: hostOf(address), port: 5060 } as const];
    const next: LiveNode = {
      record: record(nodeId, {
        role: roleOf(nodeId),
        ...now?.record,
        since: nowMs,
        sip,
        ...part,
      }),
      czxid: now?.czxid ?? this.#czxids++,
    };
    if (now !== undefined) this.#former.set(nodeId, now);
    this.truth.set(nodeId, next);
    if (isSeen) this.seen.set(nodeId, next);
  }

  /** Another life of it, at an address that it may never have had. */
  beginAgain(nodeId: string, address: number, nowMs: number, isSeen: boolean): void {
    this.#addresses.set(nodeId, address);
    this.truth.delete(nodeId);
    this.publish(nodeId, { state: 'up' }, nowMs, isSeen);
  }

  remove(nodeId: string, isSeen: boolean): void {
    this.truth.delete(nodeId);
    this.#former.delete(nodeId);
    if (isSeen) this.seen.delete(nodeId);
  }

  /** Shows what it said before its last word. */
  showFormer(nodeId: string): void {
    const former = this.#former.get(nodeId);
    if (former !== undefined) this.seen.set(nodeId, former);
  }

  showAll(): void {
    this.seen.clear();
    for (const [nodeId, node] of this.truth) this.seen.set(nodeId, node);
  }
}

export function nodeName(node: number): string {
  return `m${node}`;
}

/** The last two are registrars: another set. */
function roleOf(nodeId: string): 'registrar' | 'media' {
  return Number(nodeId.slice(1)) >= NODES - 2 ? 'registrar' : 'media';
}

export function hostOf(address: number): string {
  return `10.0.0.${address + 1}`;
}
