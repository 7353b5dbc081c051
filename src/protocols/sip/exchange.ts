import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { messageOf, ProtocolError } from '../../util/errors.js';
import type { OptionsRequest, SipResponse } from './message.js';
import { answers, bodyOf, parseResponse } from './message.js';

/** Time to the one retransmission (RFC 3261, T1). */
export const T1_MS = 500;

export interface ExchangeOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** The address to send from; the system's choice when absent. */
  readonly localHost?: string | undefined;
  readonly timeoutMs: number;
  readonly method: string;
  /** The request's text. Throws InvalidInputError for what cannot stand in a SIP message. */
  readonly build: (request: OptionsRequest) => string;
  /** False when a second copy would be done twice. Default true. */
  readonly isRepeatable?: boolean;
  /** Gives [0, 1); makes the tokens that tell answers apart. */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly monoMs: () => number;
}

/** A final response, or why there is none. */
export type Exchanged =
  | {
      readonly kind: 'answered';
      readonly response: SipResponse;
      readonly body: string;
      readonly latencyMs: number;
    }
  | {
      readonly kind: 'silent';
      readonly reason: string;
      /** The question could not be asked from here, so that silence says nothing of the target. */
      readonly isLocal: boolean;
      /** The target's host said at once that nothing listens there (ICMP). */
      readonly isRefused: boolean;
    };

/**
 * One SIP request over UDP, outside of any dialog, and its final response. A refused port is known at once
 * (ICMP), silence after `timeoutMs`; packets of others and provisional responses are ignored. The socket
 * is closed whatever happens. Never rejects for what the network does; throws what `build` throws.
 */
export async function exchange(options: ExchangeOptions): Promise<Exchanged> {
  const { host } = options.target;
  options.build(requestFor(options, { address: options.localHost ?? '127.0.0.1', port: 1 }));
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const timers: NodeJS.Timeout[] = [];
  try {
    return await new Promise<Exchanged>((resolve, reject) => {
      socket.on('error', (err) => resolve(silence(err)));
      timers.push(
        setTimeout(() => {
          const reason = `no answer within ${options.timeoutMs} ms`;
          resolve({ kind: 'silent', reason, isLocal: false, isRefused: false });
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
function silence(err: unknown): Exchanged {
  const isRefused = err instanceof Error && 'code' in err && err.code === 'ECONNREFUSED';
  return { kind: 'silent', reason: messageOf(err), isLocal: !isRefused, isRefused };
}

async function connect(socket: Socket, options: ExchangeOptions): Promise<void> {
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
  options: ExchangeOptions,
  timers: NodeJS.Timeout[],
  resolve: (result: Exchanged) => void,
): void {
  const request = requestFor(options, socket.address());
  const bytes = Buffer.from(options.build(request));
  const sentMs = options.monoMs();
  const send = (): void =>
    socket.send(bytes, (err) => {
      if (err) resolve(silence(err));
    });
  socket.on('message', (datagram) => {
    const response = finalResponse(datagram, request, options.method);
    if (response === null) return;
    const latencyMs = options.monoMs() - sentMs;
    resolve({ kind: 'answered', response, body: bodyOf(datagram), latencyMs });
  });
  send();
  if ((options.isRepeatable ?? true) && options.timeoutMs > T1_MS) {
    timers.push(setTimeout(send, T1_MS));
  }
}

/** A final response to `request`; null for everything else that may arrive. */
function finalResponse(
  datagram: Buffer,
  request: OptionsRequest,
  method: string,
): SipResponse | null {
  try {
    const response = parseResponse(datagram);
    return response.status >= 200 && answers(response, request, method) ? response : null;
  } catch (err) {
    if (err instanceof ProtocolError) return null;
    throw err;
  }
}

function requestFor(
  options: ExchangeOptions,
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
