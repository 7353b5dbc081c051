import type { LiveDestination } from '../topology/live-destination.js';
import { BinrpcFaultError } from '../util/errors.js';
import type { KamailioRpc } from './ports.js';

/** A live list, or why Kamailio cannot tell it however often it is asked. */
export type ListReading =
  | { readonly live: readonly LiveDestination[]; readonly unread: null }
  | { readonly live: null; readonly unread: string };

/** Throws a CarnaError when it may tell it another time. */
export async function readList(rpc: Pick<KamailioRpc, 'readDispatcherList'>): Promise<ListReading> {
  try {
    return { live: await rpc.readDispatcherList(), unread: null };
  } catch (err) {
    if (!(err instanceof BinrpcFaultError) || !err.faultText.startsWith('Internal error'))
      throw err;
    const unread = `dispatcher.list answers "${err.faultText}": a set is larger than Kamailio's ctl parameter binrpc_struct_max_body_size carries (128 destinations per KB)`;
    return { live: null, unread };
  }
}
