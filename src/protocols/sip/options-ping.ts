import { InvalidInputError } from '../../util/errors.js';
import type { Exchanged } from './exchange.js';
import { exchange, T1_MS } from './exchange.js';
import { buildOptions, headerOf } from './message.js';

export { T1_MS };

export interface PingOptions {
  readonly target: { readonly transport: string; readonly host: string; readonly port: number };
  /** The address to send from; the system's choice when absent. */
  readonly localHost?: string;
  readonly timeoutMs: number;
  /** Gives [0, 1); makes the tokens that tell answers apart. */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly monoMs: () => number;
}

/** Any final response is an answer, also 4xx and 5xx: the caller judges the status. */
export type PingResult =
  | { readonly kind: 'answered'; readonly status: number; readonly latencyMs: number }
  | {
      readonly kind: 'silent';
      readonly reason: string;
      /** The question could not be asked from here, so that silence says nothing of the target. */
      readonly isLocal: boolean;
    };

/** How many contacts a registrar or outbound node holds: a header of its answers to OPTIONS. */
const CONTACTS_HEADER = 'x-carna-contacts';

/**
 * One SIP OPTIONS over UDP. A refused port is known at once (ICMP), silence after `timeoutMs`; packets
 * of others and provisional responses are ignored. The socket is closed whatever happens.
 *
 * Never rejects for what the network does; throws InvalidInputError for a transport other than udp,
 * or a host or port that cannot stand in a SIP message.
 */
export async function pingOptions(options: PingOptions): Promise<PingResult> {
  const result = await sendOptions(options);
  if (result.kind === 'answered') {
    return { kind: 'answered', status: result.response.status, latencyMs: result.latencyMs };
  }
  return { kind: 'silent', reason: result.reason, isLocal: result.isLocal };
}

/** The contacts that a node holds by its own word; null when it does not answer or does not say. Throws as `pingOptions`. */
export async function readContactCount(options: PingOptions): Promise<number | null> {
  const result = await sendOptions(options);
  if (result.kind === 'silent') return null;
  const text = headerOf(result.response, CONTACTS_HEADER) ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

async function sendOptions(options: PingOptions): Promise<Exchanged> {
  const { transport } = options.target;
  if (transport.toLowerCase() !== 'udp') {
    throw new InvalidInputError(
      'OPTIONS ping',
      `transport ${transport} is not supported, only udp`,
    );
  }
  return exchange({ ...options, method: 'OPTIONS', build: buildOptions });
}
