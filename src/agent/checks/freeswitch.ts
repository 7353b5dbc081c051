import { withDeadline } from '../../util/wait.js';
import type { EslPort } from '../ports.js';
import type { Probe, ProbeResult } from './probe.js';
import { reasonOf } from './probe.js';

export interface FreeswitchQuestions {
  /** The Sofia profile that must be running. */
  readonly profile: string;
  /** True while we refuse new work: then inbound should be paused. */
  readonly isRefusing: () => boolean;
  /** True when a connection that we had was closed by the server and not opened again since. */
  readonly hasLostConnection: () => boolean;
  /** Ends the connection from our side, to begin anew with the next probe. */
  readonly drop: () => Promise<void>;
}

/**
 * FreeSWITCH's five questions, since "is ready" alone stays true with SIP dead: the core is ready, the
 * profile runs, inbound calls are not paused (but by us), no shutdown is under way, and the session limit
 * is not reached. The core's uuid tells a restart behind the same address.
 */
export function freeswitchProbe(
  connect: (deadlineMs: number) => Promise<EslPort>,
  questions: FreeswitchQuestions,
  monoMs: () => number,
): Probe {
  return async (deadlineMs) => {
    const beganMs = monoMs();
    const done = (): number => monoMs() - beganMs;
    const fail = (reason: string, isEnding = false): ProbeResult => ({
      kind: 'fail',
      latencyMs: done(),
      reason,
      isEnding,
    });
    let esl: EslPort;
    try {
      esl = await connect(deadlineMs);
    } catch (err) {
      return fail(`no event socket: ${reasonOf(err)}`, questions.hasLostConnection());
    }
    try {
      const leftMs = Math.max(1, deadlineMs - done());
      const answers = await withDeadline('event socket', leftMs, ask(esl, questions.profile));
      const fault = faultIn(answers, questions);
      if (fault !== null) return fail(fault, answers.isShuttingDown);
      const { coreUuid: lifeId, active: calls } = answers;
      return { kind: 'ok', latencyMs: done(), note: null, lifeId, calls };
    } catch (err) {
      const reason = reasonOf(err);
      // A late answer would be taken for the next one: this connection is spent.
      await questions.drop();
      return fail(reason);
    }
  };
}

async function ask(esl: EslPort, profile: string): Promise<Answers> {
  const [status, isProfileRunning, isPaused, isShuttingDown, coreUuid] = await Promise.all([
    esl.status(),
    esl.isProfileRunning(profile),
    esl.isInboundPaused(),
    esl.isShuttingDown(),
    esl.coreUuid(),
  ]);
  return { ...status, isProfileRunning, isPaused, isShuttingDown, coreUuid };
}

interface Answers {
  readonly ready: boolean;
  readonly active: number;
  readonly limit: number;
  readonly isProfileRunning: boolean;
  readonly isPaused: boolean;
  readonly isShuttingDown: boolean;
  readonly coreUuid: string;
}

function faultIn(answers: Answers, questions: FreeswitchQuestions): string | null {
  if (!answers.ready) return 'FreeSWITCH says that it is not ready';
  if (answers.isShuttingDown) return 'FreeSWITCH is shutting down';
  if (!answers.isProfileRunning) return `the SIP profile ${questions.profile} does not run`;
  if (answers.isPaused && !questions.isRefusing()) return 'inbound calls are paused, not by us';
  if (answers.active >= answers.limit) {
    return `the session limit is reached (${answers.active} of ${answers.limit})`;
  }
  return null;
}
