import { BinrpcFaultError, ProtocolError } from '../../util/errors.js';
import type { BinrpcParam } from './body-codec.js';
import type { BinrpcValue } from './value.js';
import { describe, intOf, requireMember, unsigned } from './value.js';

/** The one method asked of a client. */
export interface RpcPort {
  call(
    method: string,
    params?: readonly BinrpcParam[],
    timeoutMs?: number,
  ): Promise<readonly BinrpcValue[]>;
}

/** True for Kamailio's fault 500 with exactly this text. */
export function isFault(err: unknown, text: string): boolean {
  return err instanceof BinrpcFaultError && err.faultCode === 500 && err.faultText === text;
}

/** The unsigned counter called `name`; throws ProtocolError when there is none. */
export function counter(stats: BinrpcValue, name: string): number {
  return unsigned(intOf(requireMember(stats, name)));
}

/** The one value of a reply; throws ProtocolError for none or several. */
export function only(method: string, reply: readonly BinrpcValue[]): BinrpcValue {
  const [value] = reply;
  if (value === undefined || reply.length !== 1) {
    throw new ProtocolError(
      `${method}: expected one value, found ${reply.length}: ${reply.slice(0, 4).map(describe).join('; ')}`,
    );
  }
  return value;
}
