import type { OptionsPing } from '../ports.js';
import type { Probe } from './probe.js';
import { judged, shortMs } from './question.js';

const FIRST_REFUSAL = 500;
const BUSY = 503;

/**
 * SIP OPTIONS: any final reply below 500 shows that SIP is served. 503 is what a server should answer
 * that is full or refuses new work on our behalf (`isBusyFine`, asked only then; it may wait for what
 * the application says, within the same deadline). Silence is a failure: only SIP itself can tell that
 * all SIP workers hang. A question that could not be asked from here leaves it unknown.
 *
 * Only UDP is asked, whatever else the node publishes: it shows that the server's SIP side lives. A
 * TCP or TLS port that alone went deaf is not noticed.
 */
export function sipProbe(
  ping: OptionsPing,
  isBusyFine: () => boolean | Promise<boolean>,
  monoMs: () => number,
): Probe {
  return async (deadlineMs) => {
    const beganMs = monoMs();
    const result = await ping(deadlineMs);
    if (result.kind === 'silent') {
      const latencyMs = monoMs() - beganMs;
      if (result.isLocal) {
        const reason = `SIP OPTIONS could not be sent: ${result.reason}`;
        const found = { check: 'sip', verdict: 'unknown', latencyMs, text: result.reason } as const;
        return { kind: 'unknown', latencyMs, reason, evidence: [found] };
      }
      const reason = `no answer to SIP OPTIONS: ${result.reason}`;
      const evidence = [judged('sip', latencyMs, '', result.reason)];
      return { kind: 'fail', latencyMs, reason, isEnding: false, evidence };
    }
    const { status, latencyMs } = result;
    const text = `${status} in ${shortMs(latencyMs)}`;
    const isFine = status < FIRST_REFUSAL || (status === BUSY && (await isBusyFine()));
    const reason = isFine ? null : `SIP OPTIONS answered with ${status}`;
    const evidence = [judged('sip', latencyMs, text, reason === null ? null : text)];
    if (reason === null) return { kind: 'ok', latencyMs, note: null, lifeId: null, evidence };
    return { kind: 'fail', latencyMs, reason, isEnding: false, evidence };
  };
}
