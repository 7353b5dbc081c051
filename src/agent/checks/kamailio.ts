import { withDeadline } from '../../util/wait.js';
import type { KamailioRpc } from '../ports.js';
import type { Probe } from './probe.js';
import { reasonOf } from './probe.js';

/** Whole seconds of up-time may seem to fall by rounding; a restart makes them fall by more. */
const ROUNDING_SECONDS = 2;

/**
 * Kamailio's RPC. It failing alone is no failure of the node, only a note: a Kamailio with a hung control
 * process serves calls as ever and can merely not be managed (and one with hung SIP workers answers RPC).
 * So this probe is to be combined with an OPTIONS (`allOf`). Notices a restart by the falling up-time.
 */
export function kamailioProbe(
  rpc: Pick<KamailioRpc, 'readUptimeSeconds' | 'countDialogs'>,
  monoMs: () => number,
): Probe {
  let life = 1;
  let startedAtSeconds: number | null = null;
  return async (deadlineMs) => {
    const beganMs = monoMs();
    try {
      const asked = Promise.all([rpc.readUptimeSeconds(), rpc.countDialogs?.() ?? null]);
      const [uptime, dialogs] = await withDeadline('core.uptime', deadlineMs, asked);
      const startedAt = monoMs() / 1_000 - uptime;
      const isLater = startedAtSeconds !== null && startedAt > startedAtSeconds + ROUNDING_SECONDS;
      if (isLater) life += 1;
      if (isLater || startedAtSeconds === null) startedAtSeconds = startedAt;
      const answer = { kind: 'ok', latencyMs: monoMs() - beganMs, note: null } as const;
      return { ...answer, lifeId: String(life), ...(dialogs === null ? {} : { calls: dialogs }) };
    } catch (err) {
      const note = `cannot be managed: ${reasonOf(err)}`;
      return { kind: 'ok', latencyMs: monoMs() - beganMs, note, lifeId: null };
    }
  };
}
