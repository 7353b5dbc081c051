import { destinationUri } from '../topology/node.js';
import { killPart } from './faults.js';
import type { LabNode } from './plan.js';
import type { Platform } from './platform.js';
import type { LabState } from './state.js';
import { takesCalls, takesNoCalls, untilLive } from './watch-live.js';

/** One killed media server, as seen from outside. All times are wall clock in ms. */
export interface Incident {
  readonly node: LabNode;
  /** Read just before the SIGKILL. */
  readonly killedAtMs: number;
  /** Per dispatcher: its live list showed that it sends no new call there. */
  readonly offAtMs: ReadonlyMap<string, number>;
  /** Per dispatcher: it sends calls there again. */
  readonly backAtMs: ReadonlyMap<string, number>;
}

const OFF_TIMEOUT_MS = 60_000;
const BACK_TIMEOUT_MS = 60_000;

/** The URI of a node in the dispatcher table of a lab. */
export function labDestination(node: LabNode): string {
  return destinationUri({ transport: 'udp', ...node.sip });
}

/**
 * Kills a media server with SIGKILL and watches the live lists of all dispatchers until none sends it
 * calls, and then until all do again. `whenOff` runs in between (the baseline lets its agent go on there).
 */
export async function killAndWatch(
  state: LabState,
  platform: Platform,
  node: LabNode,
  signal: AbortSignal,
  whenOff: () => void = () => undefined,
): Promise<Incident> {
  const destination = labDestination(node);
  const read = platform.liveList.bind(platform);
  const { dispatchers } = platform;
  const { atMs } = killPart(state, { name: node.name, agent: false });
  const offAtMs = await untilLive(
    read,
    dispatchers,
    destination,
    takesNoCalls,
    OFF_TIMEOUT_MS,
    signal,
  );
  whenOff();
  const backAtMs = await untilLive(
    read,
    dispatchers,
    destination,
    takesCalls,
    BACK_TIMEOUT_MS,
    signal,
  );
  return { node, killedAtMs: atMs, offAtMs, backAtMs };
}

/** Milliseconds from the kill to the moment after which no dispatcher sends a new call. */
export function healedAfterMs(incident: Incident): number {
  return Math.max(...incident.offAtMs.values()) - incident.killedAtMs;
}
