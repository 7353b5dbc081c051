import type { Logger } from 'pino';
import { busAddress } from '../topology/bus.js';
import { BusKeeper, DEFAULT_BUS_TIMING } from './bus-keeper.js';
import type { AgentMetrics } from './metrics.js';

import type { AgentBus } from './bus-ports.js';
import type { NodeIdentity, NodeStatus } from './node-status.js';
import type { Timekeeper } from './ports.js';

export interface BusParts {
  readonly identity: NodeIdentity;
  readonly bus?: AgentBus | null;
  readonly time: Timekeeper;
  readonly metrics: AgentMetrics;
}

/** The keeper of the bus; null beside a server that is on none. */
export function createBusKeeper(deps: BusParts, status: NodeStatus, log: Logger): BusKeeper | null {
  const { identity, bus } = deps;
  const [sip] = identity.sip;
  if (bus === undefined || bus === null || sip === undefined) return null;
  const address = busAddress(sip.host, bus.dmqPort);
  if (address === null) return null;
  return new BusKeeper({
    self: { nodeId: identity.nodeId, dc: identity.dc, dmqPort: bus.dmqPort, address, sip },
    view: bus.view,
    link: bus.link,
    isServing: () => status.state === 'up' || status.state === 'draining',
    time: deps.time,
    timing: DEFAULT_BUS_TIMING,
    metrics: deps.metrics,
    log: log.child({ component: 'bus' }),
  });
}
