/** When a server that has just started has all contacts of the bus. */
export interface SyncLimits {
  /** Of the peer's contacts: some expire on the way, and others come. */
  readonly share: number;
  /** When the own number stands for so long after the peer sent all, no more will come. */
  readonly standsMs: number;
  /** Longest wait, from the server's first answer. */
  readonly boundMs: number;
}

export const DEFAULT_SYNC_LIMITS: SyncLimits = { share: 0.99, standsMs: 2_000, boundMs: 15_000 };

export interface SyncFacts {
  /** False while the registry is not up to date. */
  readonly isFresh: boolean;
  /** Nodes whose contacts are whole. */
  readonly donors: number;
  /** Our server lived before this agent. */
  readonly isAdopted: boolean;
  /** A peer said that it sent all of its contacts to this life of our server. */
  readonly isSent: boolean;
  /** Contacts by the servers' own words; null = it does not say. */
  readonly own: number | null;
  readonly donor: number | null;
  /** For how long the own number has not changed since the peer sent all. */
  readonly stoodMs: number;
  /** Since our server's first answer. */
  readonly waitedMs: number;
}

/**
 * - `alone`: no other node has contacts to give.
 * - `synced`: they are here.
 * - `ask`: a peer is to be asked for them.
 * - `wait`: not known yet.
 * - `late`: the bound has passed; it serves with what it has, and tells.
 */
export type SyncVerdict = 'alone' | 'synced' | 'ask' | 'wait' | 'late';

/** Pure. */
export function judgeSync(facts: SyncFacts, limits: SyncLimits): SyncVerdict {
  const { isFresh, donors, isAdopted, isSent, own, donor } = facts;
  if (isFresh && donors === 0) return 'alone';
  const isWhole = own !== null && donor !== null && own >= Math.ceil(donor * limits.share);
  if (isWhole && (isSent || isAdopted)) return 'synced';
  if (isSent && facts.stoodMs >= limits.standsMs) return 'synced';
  if (facts.waitedMs >= limits.boundMs) return 'late';
  return isFresh && !isSent ? 'ask' : 'wait';
}
