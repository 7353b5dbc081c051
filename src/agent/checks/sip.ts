import type { OptionsPing } from '../ports.js';
import type { Probe } from './probe.js';

const FIRST_REFUSAL = 500;
const BUSY = 503;

/**
 * SIP OPTIONS: any final reply below 500 shows that SIP is served. While the node refuses new work on our
 * behalf (`isRefusing`) 503 is what it should answer. Silence or a local error is a failure: only SIP
 * itself can tell that all SIP workers hang.
 */
export function sipProbe(ping: OptionsPing, isRefusing: () => boolean): Probe {
  return async (deadlineMs) => {
    const result = await ping(deadlineMs);
    if (result.kind === 'silent') {
      const reason = `no answer to SIP OPTIONS: ${result.reason}`;
      return { kind: 'fail', latencyMs: deadlineMs, reason, isEnding: false };
    }
    const { status, latencyMs } = result;
    if (status < FIRST_REFUSAL || (status === BUSY && isRefusing())) {
      return { kind: 'ok', latencyMs, note: null, lifeId: null };
    }
    const reason = `SIP OPTIONS answered with ${status}`;
    return { kind: 'fail', latencyMs, reason, isEnding: false };
  };
}
