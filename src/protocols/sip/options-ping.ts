import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { InvalidInputError, messageOf, ProtocolError } from '../../util/errors.js';
import type { OptionsRequest } from './message.js';
import { answers, buildOptions, parseResponse } from './message.js';

/** Time to the one retransmission (RFC 3261, T1). */
export const T1_MS = 500;

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

/**
 * One SIP OPTIONS over UDP. A refused port is known at once (ICMP), silence after `timeoutMs`; packets
 * of others and provisional responses are ignored. The socket is closed whatever happens.
 *
 * Never rejects for what the network does; throws InvalidInputError for a transport other than udp,
 * or a host or port that cannot stand in a SIP message.
 */
export async function pingOptions(options: PingOptions): Promise<PingResult> {
  const { transport, host } = options.target;
  if (transport.toLowerCase() !== 'udp') {
    throw new InvalidInputError(
      'OPTIONS ping',
      `transport ${transport} is not supported, only udp`,
    );
  }
  buildOptions(requestFor(options, { address: options.localHost ?? '127.0.0.1', port: 1 }));
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const timers: NodeJS.Timeout[] = [];
  try {
    return await new Promise<PingResult>((resolve, reject) => {
      socket.on('error', (err) => resolve(silence(err)));
      timers.push(
        setTimeout(() => {
          const reason = `no answer within ${options.timeoutMs} ms`;
          resolve({ kind: 'silent', reason, isLocal: false });
        }, options.timeoutMs),
      );
      void connect(socket, options)
        .then(
          () => converse(socket, options, timers, resolve),
          (err: unknown) => resolve(silence(err)),
        )
        .catch(reject);
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    socket.removeAllListeners();
    socket.on('error', () => undefined); // A late ICMP message has no one to tell.
    socket.close();
  }
}

/** A refused port is the target's word; any other error is our own or of the network between. */
function silence(err: unknown): PingResult {
  const isRefused = err instanceof Error && 'code' in err && err.code === 'ECONNREFUSED';
  return { kind: 'silent', reason: messageOf(err), isLocal: !isRefused };
}

async function connect(socket: Socket, options: PingOptions): Promise<void> {
  const { host, port } = options.target;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    const connected = (err?: Error): void => (err ? reject(err) : resolve());
    if (options.localHost === undefined) {
      socket.connect(port, host, connected);
    } else {
      socket.bind({ address: options.localHost }, () => socket.connect(port, host, connected));
    }
  });
}

function converse(
  socket: Socket,
  options: PingOptions,
  timers: NodeJS.Timeout[],
  resolve: (result: PingResult) => void,
): void {
  const request = requestFor(options, socket.address());
  const bytes = Buffer.from(buildOptions(request));
  const sentMs = options.monoMs();
  const send = (): void =>
    socket.send(bytes, (err) => {
      if (err) resolve(silence(err));
    });
  socket.on('message', (datagram) => {
    const status = finalStatus(datagram, request);
    if (status === null) return;
    resolve({ kind: 'answered', status, latencyMs: options.monoMs() - sentMs });
  });
  send();
  if (options.timeoutMs > T1_MS) timers.push(setTimeout(send, T1_MS));
}

/** The status of a final response to `request`; null for everything else that may arrive. */
function finalStatus(datagram: Buffer, request: OptionsRequest): number | null {
  try {
    const response = parseResponse(datagram);
    return response.status >= 200 && answers(response, request) ? response.status : null;
  } catch (err) {
    if (err instanceof ProtocolError) return null;
    throw err;
  }
}

function requestFor(
  options: PingOptions,
  local: { readonly address: string; readonly port: number },
): OptionsRequest {
  const token = (): string =>
    Array.from({ length: 3 }, () => Math.floor(options.random() * 2 ** 32).toString(36)).join('');
  return {
    targetHost: options.target.host,
    targetPort: options.target.port,
    localHost: local.address,
    localPort: local.port,
    branchToken: token(),
    fromTag: token(),
    callId: token(),
    cseq: 1 + Math.floor(options.random() * 1000),
  };
}
