import type { KamailioMemory, KamailioRpc } from '../ports.js';
import type { CheckResult, LoadSample, Probe } from './probe.js';
import { joined } from './probe.js';
import type { Answer } from './question.js';
import { ask, judged } from './question.js';

/** Whole seconds of up-time may seem to fall by rounding; a restart makes them fall by more. */
const ROUNDING_SECONDS = 2;
/** From here on Kamailio begins to refuse what it cannot store. */
const NEARLY_FULL_SHARE = 0.97;

/** What is asked of a Kamailio. */
export type KamailioQuestions = Pick<
  KamailioRpc,
  'readUptimeSeconds' | 'countDialogs' | 'readMemory'
> &
  Partial<Pick<KamailioRpc, 'readTmStats'>>;

/**
 * Kamailio's RPC: does it answer, how much of its shared memory and how many calls. It failing alone is
 * no failure of the node, only a note: a Kamailio with a hung control process serves calls as ever and
 * can merely not be managed (and one with hung SIP workers answers RPC). So this probe is to be combined
 * with an OPTIONS (`applicationAndSip`). A falling up-time is another life, of which `onRestart` is told.
 */
export function kamailioProbe(
  rpc: KamailioQuestions,
  monoMs: () => number,
  onRestart: () => string | null = () => null,
): Probe {
  const lifeOf = lifeWatch();
  return async (deadlineMs) => {
    const beganMs = monoMs();
    const times = { leftMs: deadlineMs, deadlineMs };
    const [uptime, memory, dialogs, transactions] = await Promise.all([
      ask(rpc.readUptimeSeconds(), times, monoMs),
      ask(rpc.readMemory?.() ?? NOT_ASKED, times, monoMs),
      ask(rpc.countDialogs?.() ?? NOT_ASKED, times, monoMs),
      ask(rpc.readTmStats?.() ?? NOT_ASKED, times, monoMs),
    ]);
    const latencyMs = monoMs() - beganMs;
    if (uptime.kind === 'failed') {
      const evidence = [judged('rpc', uptime.latencyMs, '', uptime.text)];
      const note = `cannot be managed: ${uptime.text}`;
      return { kind: 'ok', latencyMs, note, lifeId: null, evidence };
    }
    const life = lifeOf((beganMs + uptime.latencyMs) / 1_000 - uptime.value);
    const calls = valueOf(dialogs);
    const active = valueOf(transactions);
    const sessions =
      calls ?? (active === null ? null : Math.max(0, active.current - active.waiting));
    const notes = [life.isNew ? onRestart() : null, memoryNote(memory)];
    return {
      kind: 'ok',
      latencyMs,
      note: joined('; ', notes),
      lifeId: String(life.number),
      load: loadOf(sessions, valueOf(memory)),
      evidence: [
        judged('rpc', uptime.latencyMs, `up for ${uptime.value} s`),
        ...memoryEvidence(memory),
      ],
      ...(calls === null ? {} : { calls }),
    };
  };
}

const NOT_ASKED = Promise.resolve(null);

function valueOf<T>(answer: Answer<T>): T | null {
  return answer.kind === 'answered' ? answer.value : null;
}

function memoryEvidence(memory: Answer<KamailioMemory | null>): CheckResult[] {
  const { latencyMs } = memory;
  if (memory.kind === 'failed') {
    return [{ check: 'memory', verdict: 'unknown', latencyMs, text: memory.text }];
  }
  return memory.value === null ? [] : [judged('memory', latencyMs, memoryText(memory.value))];
}

function memoryNote(memory: Answer<KamailioMemory | null>): string | null {
  const known = valueOf(memory);
  return known !== null && known.usedShare > NEARLY_FULL_SHARE
    ? `nearly out of memory: ${memoryText(known)}`
    : null;
}

function memoryText({ usedShare, freeMib }: KamailioMemory): string {
  return `shared memory ${Math.floor(usedShare * 100)} % used, ${Math.floor(freeMib)} MB free`;
}

function loadOf(sessions: number | null, memory: KamailioMemory | null): LoadSample {
  return {
    sessions,
    limit: null,
    ratePerSecond: null,
    idleCpuPercent: null,
    memoryUsedShare: memory?.usedShare ?? null,
  };
}

/** Counts the lives by the second in which Kamailio says that it started. */
function lifeWatch(): (startedAtSeconds: number) => {
  readonly number: number;
  readonly isNew: boolean;
} {
  let number = 1;
  let knownSeconds: number | null = null;
  return (startedAtSeconds) => {
    const isNew = knownSeconds !== null && startedAtSeconds > knownSeconds + ROUNDING_SECONDS;
    if (isNew) number += 1;
    if (isNew || knownSeconds === null) knownSeconds = startedAtSeconds;
    return { number, isNew };
  };
}
