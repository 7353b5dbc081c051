import type { CallOwner } from './call-owner.js';
import { keyOfRequest } from './dialog.js';
import type { Leg } from './leg.js';
import type { ServerTransaction } from './server-transaction.js';
import type { SipRequest } from './sip-message.js';

export interface OwnedLeg {
  readonly leg: Leg;
  readonly owner: CallOwner;
}

/** The dialogs that are up, by every name under which they are asked for. */
export class LegTable {
  /** INVITEs of ours that are under way. */
  outgoing = 0;
  readonly #byKey = new Map<string, OwnedLeg>();
  readonly #byUuid = new Map<string, (cause: string) => void>();
  readonly #byInvite = new Map<ServerTransaction, OwnedLeg>();
  readonly #merges = new Map<Leg, string>();
  readonly #merged = new Set<string>();

  /** Dialogs that are up, and INVITEs of ours that are still to be answered. */
  get size(): number {
    return this.#byKey.size + this.outgoing;
  }

  /** `merge` names the INVITE, so that its copy over another path is known. */
  add(leg: Leg, owner: CallOwner, merge: string | null): void {
    const owned = { leg, owner };
    this.#byKey.set(leg.key, owned);
    this.onHangup(leg.parts.uuid, (cause) => owner.hangup(leg, cause));
    if (leg.parts.invite !== null) this.#byInvite.set(leg.parts.invite, owned);
    if (merge === null) return;
    this.#merges.set(leg, merge);
    this.#merged.add(merge);
  }

  remove(leg: Leg): void {
    this.#byKey.delete(leg.key);
    this.offHangup(leg.parts.uuid);
    if (leg.parts.invite !== null) this.#byInvite.delete(leg.parts.invite);
    const merge = this.#merges.get(leg);
    this.#merges.delete(leg);
    if (merge !== undefined) this.#merged.delete(merge);
  }

  hasMerge(merge: string): boolean {
    return this.#merged.has(merge);
  }

  ofRequest(request: SipRequest): OwnedLeg | undefined {
    return this.#byKey.get(keyOfRequest(request));
  }

  /** Ends the call of a channel; nothing for one that is gone. */
  hangup(uuid: string, cause: string): void {
    this.#byUuid.get(uuid)?.(cause);
  }

  /** For a channel that has no dialog yet. */
  onHangup(uuid: string, run: (cause: string) => void): void {
    this.#byUuid.set(uuid, run);
  }

  offHangup(uuid: string): void {
    this.#byUuid.delete(uuid);
  }

  ofInvite(invite: ServerTransaction): OwnedLeg | undefined {
    return this.#byInvite.get(invite);
  }
}
