import type { FreeswitchStatus } from './replies-codec.js';
import {
  expectOk,
  parseBoolean,
  parseCount,
  parseProfileStates,
  parseStatus,
} from './replies-codec.js';

/**
 * Typed questions to a FreeSWITCH. Each passes `timeoutMs` on, rejects as the port's methods do, and
 * throws InvalidInputError, with what was expected and found, for a reply of another shape.
 */

/** The one method of a session that questions need. */
export interface EslApiPort {
  api(command: string, timeoutMs?: number): Promise<string>;
}

/** The one method of a session that a shutdown needs. */
export interface EslJobPort {
  startJob(command: string, timeoutMs?: number): Promise<void>;
}

/** Active sessions, limits and idle CPU. */
export async function readStatus(esl: EslApiPort, timeoutMs?: number): Promise<FreeswitchStatus> {
  return parseStatus(await esl.api('json {"command":"status","data":""}', timeoutMs));
}

/** The state of a SIP profile, `RUNNING` when it serves; null when there is none of that name. */
export async function readProfileState(
  esl: EslApiPort,
  profile: string,
  timeoutMs?: number,
): Promise<string | null> {
  const states = parseProfileStates(await esl.api('sofia jsonstatus', timeoutMs));
  return states.get(profile) ?? null;
}

/** True while new inbound calls are refused. */
export async function readInboundPaused(esl: EslApiPort, timeoutMs?: number): Promise<boolean> {
  const command = 'fsctl pause_check inbound';
  return parseBoolean(command, await esl.api(command, timeoutMs));
}

/** True once a shutdown was asked for, also while it waits for calls. */
export async function readShuttingDown(esl: EslApiPort, timeoutMs?: number): Promise<boolean> {
  const command = 'fsctl shutdown_check';
  return parseBoolean(command, await esl.api(command, timeoutMs));
}

/** Legs by FreeSWITCH's own table, up to 200 ms late; unlike `activeSessions` it counts no phantoms. */
export async function readChannelCount(esl: EslApiPort, timeoutMs?: number): Promise<number> {
  const command = 'show channels count';
  return parseCount(command, await esl.api(command, timeoutMs));
}

/** New at every start of FreeSWITCH. */
export async function readCoreUuid(esl: EslApiPort, timeoutMs?: number): Promise<string> {
  return (await esl.api('global_getvar core_uuid', timeoutMs)).trim();
}

/** Refuses new inbound calls (503). Legs that running calls need are still made, unlike with a full pause. */
export async function pauseInbound(esl: EslApiPort, timeoutMs?: number): Promise<void> {
  const command = 'fsctl pause inbound';
  expectOk(command, await esl.api(command, timeoutMs));
}

/** Accepts inbound calls again. */
export async function resumeInbound(esl: EslApiPort, timeoutMs?: number): Promise<void> {
  const command = 'fsctl resume inbound';
  expectOk(command, await esl.api(command, timeoutMs));
}

/**
 * Asks FreeSWITCH to end as soon as its last call has. Resolves when the job was accepted: the job
 * itself lasts until the last call, and no answer to it is guaranteed.
 */
export async function shutdownAsap(esl: EslJobPort, timeoutMs?: number): Promise<void> {
  await esl.startJob('fsctl shutdown asap', timeoutMs);
}
