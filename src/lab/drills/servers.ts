import { LabError } from '../../util/errors.js';
import type { ProcessIdentity } from '../parts/daemon.js';
import type { LabNode } from '../plan.js';
import { serverOf } from '../server-pid.js';
import type { LabState } from '../state.js';
import type { Finding } from './stage.js';

/** Node → its SIP server. */
export type Servers = ReadonlyMap<LabNode, ProcessIdentity>;

/** The SIP servers of these nodes as they run now. Throws LabError when one does not. */
export function serversOf(lab: LabState, nodes: readonly LabNode[]): Servers {
  return new Map(
    nodes.map((node) => {
      const server = serverOf(lab.runDir, node);
      if (server === null) throw new LabError(`${node.name}'s server is not running right now`);
      return [node, server];
    }),
  );
}

/** Compares the servers with those that run now. */
export function serversUnchanged(what: string, lab: LabState, before: Servers): Finding {
  const changed = [...before].filter(([node, server]) => {
    const now = serverOf(lab.runDir, node);
    return now?.pid !== server.pid || now.startTicks !== server.startTicks;
  });
  const names = changed.map(([node]) => node.name).join(', ');
  const seen = names === '' ? `${before.size} servers, every pid unchanged` : `CHANGED: ${names}`;
  return { what, isGood: changed.length === 0, seen };
}
