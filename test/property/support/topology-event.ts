import type { Evidence } from '../../../src/topology/desired-rows.js';
import type { NodeState } from '../../../src/topology/node.js';

/** What can happen; `node` counts from 0, `isSeen` false: the news of it is lost for now. */
export type TopologyEvent =
  | {
      readonly kind: 'state';
      readonly node: number;
      readonly state: NodeState;
      readonly isSeen: boolean;
    }
  | {
      readonly kind: 'returns';
      readonly node: number;
      readonly address: number;
      readonly isSeen: boolean;
    }
  | {
      readonly kind: 'vanishes';
      readonly node: number;
      readonly saysGoodbye: boolean;
      readonly isSeen: boolean;
    }
  | { readonly kind: 'weighs'; readonly node: number; readonly weight: number }
  | { readonly kind: 'old news'; readonly node: number }
  | { readonly kind: 'all news' }
  | { readonly kind: 'intent'; readonly node: number; readonly isSet: boolean }
  | { readonly kind: 'witness'; readonly node: number; readonly finds: Evidence }
  | { readonly kind: 'override'; readonly setid: number }
  | { readonly kind: 'foreign row'; readonly address: number; readonly isThere: boolean }
  | { readonly kind: 'leader' }
  | { readonly kind: 'stale'; readonly isStale: boolean }
  | { readonly kind: 'view breaks' }
  | { readonly kind: 'wall clock'; readonly byMs: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'pass' };
