import type { Freshness } from './freshness.js';
import type { NodeMemory } from './node-memory.js';
import type { Remotes } from './remotes.js';
import type { Witness } from './witness.js';

/** What outlives a term. */
export interface TermState {
  readonly memory: NodeMemory;
  readonly freshness: Freshness;
  readonly remotes: Remotes;
  readonly witness: Witness;
}
