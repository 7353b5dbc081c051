import { BinrpcFaultError, ProtocolError } from '../../util/errors.js';
import type { RpcPort } from './rpc-reply.js';
import { isFault, only } from './rpc-reply.js';
import type { BinrpcValue } from './value.js';
import { intOf, memberNamed, membersNamed, NULL_STRING, requireMember, textOf } from './value.js';

/**
 * Typed questions to Kamailio's module dispatcher. Each passes `timeoutMs` on, rejects as the port's
 * `call` does, and throws ProtocolError, naming what was expected, for a reply of another shape.
 */

/** Deadlines of their own: a list of 10,000 destinations is 2.5 MB, their reload takes most of a second. */
export const LIST_TIMEOUT_MS = 5_000;
/** A database that hangs is given up by Kamailio after 2 s, once per connection and query. */
export const RELOAD_TIMEOUT_MS = 10_000;

/** One destination as a running Kamailio holds it. */
export interface LiveDestination {
  readonly setid: number;
  /** The URI as Kamailio prints it. */
  readonly destination: string;
  /** Two letters: A active, I inactive, T trying, D disabled; then P probed by Kamailio, X not. */
  readonly letters: string;
  readonly priority: number;
  /** The attrs as loaded (ATTRS/BODY); empty when there are none. */
  readonly attrs: string;
}

/**
 * States as `dispatcher.set_state` reads them, and the letters that `dispatcher.list` shows then:
 * a AX, ap AP, i IX, ip IP, t TX, tp TP, d DX, and dp DX too (only a row's flags 12 give DP).
 * Without `p` an earlier P is taken away.
 */
export const DISPATCHER_STATES = ['a', 'ap', 'i', 'ip', 't', 'tp', 'd', 'dp'] as const;
export type DispatcherState = (typeof DISPATCHER_STATES)[number];

/** Narrows a text to a state. Throws RangeError for any other: Kamailio would take its first letter. */
export function dispatcherState(text: string): DispatcherState {
  const state = DISPATCHER_STATES.find((known) => known === text);
  if (state === undefined) throw new RangeError(`no dispatcher state: ${text}`);
  return state;
}

/**
 * What Kamailio said to a reload. No proof: `failed` stands for "old list kept" as well as for "new
 * list live but for one row"; only `readDispatcherList` tells. `too-early`: nothing was done, the
 * module's `reload_delta` has not passed.
 */
export type ReloadResult =
  | { readonly kind: 'ok' }
  | { readonly kind: 'too-early' }
  | { readonly kind: 'failed'; readonly text: string };

/** The whole live list in the order of Kamailio's answer; empty when it holds no set at all. */
export async function readDispatcherList(
  rpc: RpcPort,
  timeoutMs: number = LIST_TIMEOUT_MS,
): Promise<LiveDestination[]> {
  let reply: readonly BinrpcValue[];
  try {
    reply = await rpc.call('dispatcher.list', [], timeoutMs);
  } catch (err) {
    if (isFault(err, 'No Destination Sets')) return [];
    throw err;
  }
  const list = only('dispatcher.list', reply);
  const sets = membersNamed(requireMember(list, 'RECORDS'), 'SET');
  const announced = intOf(memberNamed(list, 'NRSETS'));
  if (announced !== sets.length) {
    throw new ProtocolError(`dispatcher.list: ${announced} sets announced, ${sets.length} found`);
  }
  return sets.flatMap(destinationsOf);
}

function destinationsOf(set: BinrpcValue): LiveDestination[] {
  const setid = intOf(requireMember(set, 'ID'));
  return membersNamed(requireMember(set, 'TARGETS'), 'DEST').map((dest) => ({
    setid,
    destination: textOf(requireMember(dest, 'URI')),
    letters: textOf(requireMember(dest, 'FLAGS')),
    priority: intOf(requireMember(dest, 'PRIORITY')),
    attrs: attrsOf(memberNamed(dest, 'ATTRS')),
  }));
}

function attrsOf(attrs: BinrpcValue | undefined): string {
  if (attrs === undefined) return '';
  const body = textOf(requireMember(attrs, 'BODY'));
  return body === NULL_STRING ? '' : body;
}

/**
 * Sets the state of one destination at once, without a reload; a reload resets it to the row's flags.
 * Kamailio refuses an unknown set or URI with the fault "State Update Failed". Of two equal URIs in
 * a set only the first is changed.
 */
export async function setDispatcherState(
  rpc: RpcPort,
  state: DispatcherState,
  setid: number,
  destination: string,
  timeoutMs?: number,
): Promise<void> {
  await rpc.call('dispatcher.set_state', [state, setid, destination], timeoutMs);
}

/**
 * Turns the dispatcher module's own OPTIONS pings on or off; a start of Kamailio turns them on again.
 * Does nothing to a Kamailio without that module: it has no such pings.
 */
export async function setDispatcherPinging(
  rpc: RpcPort,
  isOn: boolean,
  timeoutMs?: number,
): Promise<void> {
  try {
    await rpc.call('dispatcher.ping_active', [isOn ? 1 : 0], timeoutMs);
  } catch (err) {
    if (!isFault(err, 'command dispatcher.ping_active not found')) throw err;
  }
}

/** Loads the table again. Resets every runtime state and call-load counter. */
export async function reloadDispatcher(
  rpc: RpcPort,
  timeoutMs: number = RELOAD_TIMEOUT_MS,
): Promise<ReloadResult> {
  try {
    await rpc.call('dispatcher.reload', [], timeoutMs);
    return { kind: 'ok' };
  } catch (err) {
    if (isFault(err, 'Ongoing reload')) return { kind: 'too-early' };
    if (err instanceof BinrpcFaultError && err.faultCode === 500) {
      return { kind: 'failed', text: err.faultText };
    }
    throw err;
  }
}
