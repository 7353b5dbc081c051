import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabState } from './state.js';
import { partDir } from './state.js';

const ROUTED = /routed INVITE (\S+) to sip:([^;\s"\\]+)/g;

/** Call-ID → `host:port` of the last destination in a dispatcher's log (`kamailio/include/failover.cfg`). Pure. */
export function parseRouted(log: string): ReadonlyMap<string, string> {
  const routed = new Map<string, string>();
  for (const [, callId = '', destination = ''] of log.matchAll(ROUTED)) {
    routed.set(callId, destination);
  }
  return routed;
}

/** Where the dispatchers of a lab sent each call last. */
export function readRouted(state: LabState): ReadonlyMap<string, string> {
  const dispatchers = state.plan.nodes.filter((node) => node.role === 'dispatcher');
  const logs = dispatchers.map((node) =>
    readFileSync(join(partDir(state.runDir, node.name), 'log'), 'utf8'),
  );
  return parseRouted(logs.join('\n'));
}
