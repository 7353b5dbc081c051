import { ProtocolError } from '../../util/errors.js';
import type { RpcPort } from './rpc-reply.js';
import { only } from './rpc-reply.js';
import type { BinrpcValue } from './value.js';
import { intOf, requireMember, textOf } from './value.js';

/**
 * Typed questions to Kamailio's module dmq. Each passes `timeoutMs` on, rejects as the port's `call` does,
 * and throws ProtocolError, naming what was expected, for a reply of another shape.
 */

export const DMQ_STATUSES = ['active', 'disabled', 'timeout', 'pending'] as const;
export type DmqStatus = (typeof DMQ_STATUSES)[number];

/** One member of the bus as a running Kamailio holds it. */
export interface DmqNode {
  /** `sip:host:port`, as `dmq.remove` takes it. */
  readonly address: string;
  readonly status: DmqStatus;
  /** It is this Kamailio itself. */
  readonly isLocal: boolean;
}

/** All members that this Kamailio knows, itself among them. */
export async function readDmqNodes(rpc: RpcPort, timeoutMs?: number): Promise<DmqNode[]> {
  return (await rpc.call('dmq.list_nodes', [], timeoutMs)).map(readNode);
}

/** Fine when there is no such member. Kamailio never removes itself. */
export async function removeDmqNode(
  rpc: RpcPort,
  address: string,
  timeoutMs?: number,
): Promise<void> {
  only('dmq.remove', await rpc.call('dmq.remove', [address], timeoutMs));
}

function readNode(value: BinrpcValue): DmqNode {
  const host = textOf(requireMember(value, 'host'));
  const port = textOf(requireMember(value, 'port'));
  const word = textOf(requireMember(value, 'status'));
  const status = DMQ_STATUSES.find((known) => known === word);
  if (status === undefined) throw new ProtocolError(`dmq.list_nodes: no status: ${word}`);
  // A member that was named without a port is called without one.
  const address = port === '' ? `sip:${host}` : `sip:${host}:${port}`;
  return { address, status, isLocal: intOf(requireMember(value, 'local')) !== 0 };
}
