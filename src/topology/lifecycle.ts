import type { NodeState } from './node.js';

/** What an agent says of its node; `gone` = its znode is withdrawn and never comes back. */
export type LifecycleState = NodeState | 'gone';

/**
 * healthy: checks (and, beside a Kamailio, the list) are proven; failed: the checks say so; exited: the
 * server's process ended; drain / undrain: an operator's or Marathon's will, undrainUnfit when the node
 * is not healthy at that moment; drained: nothing is left and the server will stop; withdraw: goodbye.
 */
export type LifecycleEvent =
  'healthy' | 'failed' | 'exited' | 'drain' | 'undrain' | 'undrainUnfit' | 'drained' | 'withdraw';

/** state -> event -> state; what is not here cannot happen. */
export const LIFECYCLE: Readonly<
  Record<LifecycleState, Readonly<Partial<Record<LifecycleEvent, LifecycleState>>>>
> = {
  starting: { healthy: 'up', failed: 'down', exited: 'down', drain: 'draining', withdraw: 'gone' },
  up: { failed: 'down', exited: 'down', drain: 'draining', withdraw: 'gone' },
  down: { healthy: 'up', exited: 'down', drain: 'draining', withdraw: 'gone' },
  // A server that ends or fails meanwhile is still draining: only an operator takes that back.
  draining: {
    exited: 'draining',
    undrain: 'up',
    undrainUnfit: 'down',
    drained: 'down',
    withdraw: 'gone',
  },
  gone: {},
};

/** The state after the event. Throws RangeError when the table has no entry: a bug of the caller. Pure. */
export function nextState(state: LifecycleState, event: LifecycleEvent): LifecycleState {
  const next = LIFECYCLE[state][event];
  if (next === undefined) throw new RangeError(`a node that is ${state} cannot become ${event}`);
  return next;
}
