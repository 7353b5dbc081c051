import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../topology/node.js';
import type { LabState } from './state.js';
import { partDir } from './state.js';

/** Call-ID → every `host:port` to which the Kamailios of one role sent its INVITE, in order. */
export type Routings = ReadonlyMap<string, readonly string[]>;

const ROUTED = /routed INVITE (\S+) to sip:([^;\s"\\]+)/g;

/** Reads the lines that `kamailio/include/failover.cfg` writes with CARNA_LOG_CALLS, also "rerouted". Pure. */
export function parseRoutings(log: string): Routings {
  const routings = new Map<string, string[]>();
  for (const [, callId = '', destination = ''] of log.matchAll(ROUTED)) {
    const known = routings.get(callId);
    if (known === undefined) routings.set(callId, [destination]);
    else known.push(destination);
  }
  return routings;
}

/** Call-ID → the last `host:port` of a log. Pure. */
export function parseRouted(log: string): ReadonlyMap<string, string> {
  return lastOf(parseRoutings(log));
}

/** Where the Kamailios of a role sent each call, by their logs. */
export function readRoutings(lab: LabState, role: Role): Routings {
  const nodes = lab.plan.nodes.filter((node) => node.role === role);
  const logs = nodes.map((node) =>
    readFileSync(join(partDir(lab.runDir, node.name), 'log'), 'utf8'),
  );
  return parseRoutings(logs.join('\n'));
}

/** Where the dispatchers of a lab sent each call last. */
export function readRouted(lab: LabState): ReadonlyMap<string, string> {
  return lastOf(readRoutings(lab, 'dispatcher'));
}

function lastOf(routings: Routings): ReadonlyMap<string, string> {
  return new Map([...routings].map(([callId, all]) => [callId, all.at(-1) ?? '']));
}
