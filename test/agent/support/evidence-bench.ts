import type { CheckResult, ProbeResult } from '../../../src/agent/checks/probe.js';
import type { OptionsPing } from '../../../src/agent/ports.js';
import { freeswitchControl } from '../../../src/agent/servers/freeswitch.js';
import type { ServerControl } from '../../../src/agent/servers/server.js';
import type { FakeEsl } from './fake-esl.js';

/** Probes of fake servers, and what their results say. */

export const LIFE = { ring: (): void => undefined, isAdopted: false };
export const OPTIONS = { profile: 'internal', gracefulMs: 1 };

export const answers =
  (status: number): OptionsPing =>
  () =>
    Promise.resolve({ kind: 'answered', status, latencyMs: 0.93 });
export const silent: OptionsPing = (limitMs) =>
  Promise.resolve({ kind: 'silent', reason: `no answer within ${limitMs} ms`, isLocal: false });

export function freeswitch(esl: FakeEsl, ping: OptionsPing = answers(200)): ServerControl {
  return freeswitchControl(
    () => Promise.resolve(esl),
    ping,
    OPTIONS,
    () => 0,
  )(LIFE);
}

export const lines = (result: ProbeResult): string[] =>
  (result.evidence ?? []).map((check) => `${check.check} ${check.verdict}: ${check.text}`);

export const noteOf = (result: ProbeResult): string | null =>
  result.kind === 'ok' ? result.note : `not ok: ${result.reason}`;

export const check = (result: ProbeResult, name: string): CheckResult | undefined =>
  result.evidence?.find((found) => found.check === name);
