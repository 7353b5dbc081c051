import { wait } from '../../util/wait.js';
import type { PhoneCall } from './phone-call.js';

/** What happens in a call once it is answered, seen from the caller. */
export interface CallScript {
  readonly talkMs: number;
  /** A re-INVITE half-way. */
  readonly reinvite: boolean;
  /** Held and taken back half-way. */
  readonly hold: boolean;
  /** Who hangs up after `talkMs`; the called phone is told elsewhere. */
  readonly hangUp: 'caller' | 'callee';
  /** The called phone is sent on to this URI, which ends the call for the caller; null = not. */
  readonly transferTo: string | null;
}

/** How long the far end may be late with its BYE. */
const BYE_MARGIN_MS = 8_000;
const TRANSFER_TIMEOUT_MS = 15_000;
/** Who transferred a call hangs up by itself when the platform does not. */
const RELEASE_MS = 2_000;

/** Plays an answered call to its end; says why it is lost, null when everything went well. The call is over then. */
export async function playCall(call: PhoneCall, script: CallScript): Promise<string | null> {
  const half = script.talkMs / 2;
  if (await endedWithin(call, half)) return 'the far end hung up early';
  const faults: string[] = [];
  if (script.reinvite) faults.push(...told('re-INVITE', await call.reinvite('sendrecv')));
  if (script.hold) {
    faults.push(...told('hold', await call.reinvite('sendonly')));
    faults.push(...told('end of hold', await call.reinvite('sendrecv')));
  }
  if (script.transferTo !== null) {
    faults.push(...told('transfer', await call.transfer(script.transferTo, TRANSFER_TIMEOUT_MS)));
    if (!(await endedWithin(call, RELEASE_MS))) await call.hangUp();
  } else if (script.hangUp === 'callee') {
    if (!(await endedWithin(call, half + BYE_MARGIN_MS))) {
      faults.push('no BYE from the called side');
      await call.hangUp();
    }
  } else if (await endedWithin(call, half)) {
    faults.push('the far end hung up early');
  } else {
    faults.push(...told('BYE', await call.hangUp()));
  }
  return faults[0] ?? null;
}

async function endedWithin(call: PhoneCall, ms: number): Promise<boolean> {
  const stop = new AbortController();
  await Promise.race([call.ended, wait(ms, stop.signal)]);
  stop.abort();
  return call.isOver;
}

/** The words of `call-log.ts`. */
function told(what: string, status: number | null): readonly string[] {
  if (status === null) return [`no answer to ${what}`];
  return status === 200 ? [] : [`${what} answered ${status}`];
}
