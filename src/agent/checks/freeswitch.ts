import type { EslPort, EslStatus } from '../ports.js';
import type { CheckResult, LoadSample, Probe, ProbeResult } from './probe.js';
import { joined } from './probe.js';
import type { Pulse } from './pulse.js';
import type { Answer } from './question.js';
import { ask, judged } from './question.js';

export interface FreeswitchQuestions {
  /** The Sofia profile that must be running. */
  readonly profile: string;
  /** True while we refuse new work: then inbound should be paused. */
  readonly isRefusing: () => boolean;
  /** Told of each life that answered, before its pause is judged; a note for people or null. */
  readonly noteLife: (coreUuid: string, isPaused: boolean) => string | null;
  /** The HEARTBEAT events of the connection that is open. */
  readonly pulse: () => Pulse;
  /** True when a connection that we had was closed by the server and not opened again since. */
  readonly hasLostConnection: () => boolean;
  /** Ends the connection from our side, to begin anew with the next probe. Never rejects. */
  readonly drop: () => Promise<void>;
}

interface Answers {
  readonly status: Answer<EslStatus>;
  readonly isProfileRunning: Answer<boolean>;
  readonly isPaused: Answer<boolean>;
  readonly isShuttingDown: Answer<boolean>;
  readonly coreUuid: Answer<string>;
}

/**
 * FreeSWITCH's five questions, all within one deadline, since "is ready" alone stays true with SIP dead:
 * the core is ready, the profile runs, inbound calls are not paused (but by us), no shutdown is under
 * way; and how many of its sessions are taken. A full FreeSWITCH is loaded, not ill: it answers 503 to
 * new calls, and were it judged down, a whole set would go down at peak.
 */
export function freeswitchProbe(
  connect: (deadlineMs: number) => Promise<EslPort>,
  questions: FreeswitchQuestions,
  monoMs: () => number,
): Probe {
  const noteLimit = limitWatch();
  return async (deadlineMs) => {
    const beganMs = monoMs();
    const connected = await ask(connect(deadlineMs), { leftMs: deadlineMs, deadlineMs }, monoMs);
    if (connected.kind === 'failed') {
      const { latencyMs, text } = connected;
      const evidence = [judged('esl', latencyMs, '', text)];
      const isEnding = questions.hasLostConnection();
      return { kind: 'fail', latencyMs, reason: `no event socket: ${text}`, isEnding, evidence };
    }
    const leftMs = Math.max(1, deadlineMs - (monoMs() - beganMs));
    const answers = await askAll(
      connected.value,
      questions.profile,
      { leftMs, deadlineMs },
      monoMs,
    );
    const life = noteLife(answers, questions);
    const evidence = [
      judged('esl', connected.latencyMs, 'connected'),
      ...evidenceOf(answers, questions),
    ];
    // A late or odd answer would be taken for the next one: this connection is spent.
    if (failedIn(answers).length > 0) void questions.drop();
    return resultOf(answers, evidence, monoMs() - beganMs, questions.pulse(), (limit) =>
      joined('; ', [life, noteLimit(answers.coreUuid, limit), questions.pulse().note()]),
    );
  };
}

async function askAll(
  esl: EslPort,
  profile: string,
  times: { readonly leftMs: number; readonly deadlineMs: number },
  monoMs: () => number,
): Promise<Answers> {
  const [status, isProfileRunning, isPaused, isShuttingDown, coreUuid] = await Promise.all([
    ask(esl.status(), times, monoMs),
    ask(esl.isProfileRunning(profile), times, monoMs),
    ask(esl.isInboundPaused(), times, monoMs),
    ask(esl.isShuttingDown(), times, monoMs),
    ask(esl.coreUuid(), times, monoMs),
  ]);
  return { status, isProfileRunning, isPaused, isShuttingDown, coreUuid };
}

function noteLife({ coreUuid, isPaused }: Answers, questions: FreeswitchQuestions): string | null {
  if (isFailed(coreUuid) || isFailed(isPaused)) return null;
  return questions.noteLife(coreUuid.value, isPaused.value);
}

function evidenceOf(answers: Answers, questions: FreeswitchQuestions): CheckResult[] {
  const { profile } = questions;
  const isRefusing = questions.isRefusing();
  const evidence = [
    checked('core', answers.status, ({ ready }) => [
      'ready',
      ready ? null : 'FreeSWITCH says that it is not ready',
    ]),
    checked('profile', answers.isProfileRunning, (isRunning) => [
      `${profile} runs`,
      isRunning ? null : `the SIP profile ${profile} does not run`,
    ]),
    checked('inbound', answers.isPaused, (isPaused) => [
      isPaused ? 'paused by us' : 'not paused',
      isPaused && !isRefusing ? 'inbound calls are paused, not by us' : null,
    ]),
    checked('shutdown', answers.isShuttingDown, (isUnderWay) => [
      'none under way',
      isUnderWay ? 'FreeSWITCH is shutting down' : null,
    ]),
  ];
  if (isFailed(answers.status)) return evidence;
  return [
    ...evidence,
    checked('sessions', answers.status, (status) => [sessionsText(status), null]),
  ];
}

function checked<T>(
  check: string,
  answer: Answer<T>,
  judge: (value: T) => readonly [good: string, fault: string | null],
): CheckResult {
  if (answer.kind === 'failed') return judged(check, answer.latencyMs, '', answer.text);
  return judged(check, answer.latencyMs, ...judge(answer.value));
}

/** A limit of N admits N - 1 sessions: the Nth INVITE is refused. */
export function isFull(load: Pick<LoadSample, 'sessions' | 'limit'>): boolean {
  return load.sessions !== null && load.limit !== null && load.sessions >= load.limit - 1;
}

function sessionsText({ active, limit }: EslStatus): string {
  const full = isFull({ sessions: active, limit }) ? 'full: ' : '';
  return `${full}${active} of ${limit} sessions`;
}

function resultOf(
  answers: Answers,
  evidence: readonly CheckResult[],
  latencyMs: number,
  pulse: Pulse,
  noteFor: (limit: number) => string | null,
): ProbeResult {
  const { status, coreUuid } = answers;
  const load = isFailed(status) ? {} : { load: loadOf(status.value, pulse) };
  const faults = evidence.filter((check) => check.verdict === 'fail').map((check) => check.text);
  if (faults.length > 0 || isFailed(status) || isFailed(coreUuid)) {
    const isEnding = isTrue(answers.isShuttingDown);
    const reason = reasonFor(answers, faults);
    return { kind: 'fail', latencyMs, reason, isEnding, evidence, ...load };
  }
  const { active, limit } = status.value;
  const lifeId = coreUuid.value;
  return { kind: 'ok', latencyMs, note: noteFor(limit), lifeId, calls: active, evidence, ...load };
}

/** What is wrong in one line: silence is named once, however many questions it met. */
function reasonFor(answers: Answers, faults: readonly string[]): string {
  const late = failedIn(answers).find((answer) => answer.isLate);
  if (late !== undefined) return `event socket: ${late.text}`;
  const told = isFailed(answers.coreUuid) ? [...faults, answers.coreUuid.text] : faults;
  return [...new Set(told)].join('; ');
}

function loadOf({ active, limit }: EslStatus, pulse: Pulse): LoadSample {
  return {
    sessions: active,
    limit,
    ratePerSecond: pulse.ratePerSecond(),
    idleCpuPercent: pulse.idleCpuPercent(),
    memoryUsedShare: null,
  };
}

/** FreeSWITCH lowers `max_sessions` by itself when it gets no more threads, until somebody sets it again. */
function limitWatch(): (coreUuid: Answer<string>, limit: number) => string | null {
  let life: string | null = null;
  let first = 0;
  return (coreUuid, limit) => {
    if (isFailed(coreUuid)) return null;
    if (coreUuid.value !== life) {
      life = coreUuid.value;
      first = limit;
    }
    if (limit >= first) return null;
    return `FreeSWITCH lowered its session limit from ${first} to ${limit}`;
  };
}

type Failed = Extract<Answer<unknown>, { kind: 'failed' }>;

function failedIn(answers: Answers): Failed[] {
  const { status, isProfileRunning, isPaused, isShuttingDown, coreUuid } = answers;
  return [status, isProfileRunning, isPaused, isShuttingDown, coreUuid].filter(
    (answer) => answer.kind === 'failed',
  );
}

function isFailed<T>(answer: Answer<T>): answer is Failed {
  return answer.kind === 'failed';
}

function isTrue(answer: Answer<boolean>): boolean {
  return !isFailed(answer) && answer.value;
}
