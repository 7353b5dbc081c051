import type { Logger } from 'pino';
import { openStore } from '../../store/pool.js';
import { wait, waitUntil } from '../../util/wait.js';
import type { CallProgress, CallReport } from '../calls/report.js';
import { postgresUrl } from '../parts/postgres.js';
import { trunkAddress } from '../plan.js';
import { LAB_DATABASE, LAB_SIP_DOMAIN } from '../secrets.js';
import type { LabState } from '../state.js';
import { ensureLabUsers, LAB_USERS, labUser } from '../users.js';
import type { PhoneCall } from './phone-call.js';
import type { PhoneBank } from './phone-bank.js';
import { openPhones, registerAll } from './phone-bank.js';
import { keepRegistered } from './refresh.js';
import type { CallScript } from './script.js';
import type { TrunkPeer } from './trunk-peer.js';
import { openTrunk } from './trunk-peer.js';
import { startUserCalls } from './user-calls.js';

export interface UserLoadOptions {
  readonly lab: LabState;
  /** How many phones call, and as many are called. */
  readonly phones: number;
  /** New calls a second. */
  readonly rate: number;
  readonly calls: number;
  readonly script: Pick<CallScript, 'talkMs' | 'reinvite' | 'hold' | 'hangUp'>;
  /** Called phones are sent on to phones of a third group. */
  readonly transfer: boolean;
  /** Called through the lab's trunks, which answer with these statuses, instead of phones; null = phones. */
  readonly out: { readonly number: string; readonly statuses: readonly number[] } | null;
  /** The called phones register again so often; null = once is enough. */
  readonly registerEveryMs: number | null;
  readonly log: Logger;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CallProgress) => void;
}

export interface UserLoadReport {
  readonly report: CallReport;
  /** Calls in which a phone or trunk still was when all had ended for the callers. */
  readonly legsLeft: number;
  /** What the called sides saw go wrong when they hung up. */
  readonly calledFaults: readonly string[];
  /** INVITEs that came to each trunk. */
  readonly trunkCalls: readonly number[];
  /** How often phones registered again, and who could not. */
  readonly registrations: number;
  readonly registerFaults: readonly string[];
}

/** Users who call, under way. */
export interface UserLoad {
  readonly result: Promise<UserLoadReport>;
  /** No new call from now on; may be repeated. */
  stop(): void;
}

const EXPIRES_S = 600;
const RING_MS = 100;
/** How long the last BYE may take to reach the far end. */
const LEGS_TIMEOUT_MS = 10_000;
const DATABASE_TIMEOUT_MS = 10_000;

/**
 * Registers the phones that are called and lets as many others call them, or out through trunks.
 * Throws LabError when a phone cannot register, or an address is taken.
 */
export async function startUserLoad(options: UserLoadOptions): Promise<UserLoad> {
  const { lab, phones } = options;
  await makeUsers(lab, 3 * phones, options.log);
  const calledFaults: string[] = [];
  const bank = await openPhones(lab.plan, lab.secrets.userPassword, range(1, 3 * phones));
  const trunks: TrunkPeer[] = [];
  const closeAll = async (): Promise<void> => {
    await Promise.all([bank.close(), ...trunks.map((trunk) => trunk.close())]);
  };
  try {
    const later = hangUpLater(options, calledFaults);
    for (const [index, status] of (options.out?.statuses ?? []).entries()) {
      const address = trunkAddress(lab.plan, index + 1);
      trunks.push(await openTrunk(address, { status, onCall: later(options.script.hangUp) }));
    }
    await preparePhones(options, bank, later);
  } catch (err) {
    await closeAll();
    throw err;
  }
  const calls = startUserCalls({
    ...options,
    callers: range(phones + 1, phones).map((n) => bank.phone(n)),
    targets: targetsOf(options),
    script: { ...options.script, transferTo: options.transfer ? uriOfUser(2 * phones + 1) : null },
  });
  const called = calledPhones(options).map((n) => bank.phone(n));
  const refreshing = keepRegistered(
    options.registerEveryMs === null ? [] : called,
    EXPIRES_S,
    options.registerEveryMs ?? 0,
  );
  const finish = async (): Promise<UserLoadReport> => {
    try {
      const report = await calls.result;
      const legsLeft = (): number =>
        bank.callsLeft() + trunks.reduce((sum, trunk) => sum + trunk.callsLeft(), 0);
      const none = (): boolean => legsLeft() === 0;
      await waitUntil('the last BYE', LEGS_TIMEOUT_MS, none).catch(() => undefined); // Told by the count.
      await refreshing.stop();
      await Promise.all(called.map((phone) => phone.register(0)));
      const trunkCalls = trunks.map((trunk) => trunk.called.length);
      const { count: registrations, faults: registerFaults } = refreshing;
      const legs = { legsLeft: legsLeft(), calledFaults, trunkCalls };
      return { report, ...legs, registrations, registerFaults };
    } finally {
      await closeAll();
    }
  };
  return { result: finish(), stop: () => calls.stop() };
}

/** Makes the users that this many phones need and the lab does not have yet. */
export async function makeUsers(lab: LabState, count: number, log: Logger): Promise<void> {
  if (count <= LAB_USERS) return;
  const at = { ...lab.plan.postgres, password: lab.secrets.superuserPassword };
  const store = openStore({
    url: postgresUrl(at, LAB_DATABASE),
    connectTimeoutMs: DATABASE_TIMEOUT_MS,
    statementTimeoutMs: DATABASE_TIMEOUT_MS,
    log,
  });
  try {
    await ensureLabUsers(store, count, lab.secrets.userPassword);
  } finally {
    await store.close();
  }
}

/** The called ones and those to whom calls are sent on. */
async function preparePhones(
  options: UserLoadOptions,
  bank: PhoneBank,
  later: HangUpLater,
): Promise<void> {
  const { phones, transfer, script } = options;
  for (const n of range(1, phones)) {
    const hangUp = transfer ? 'caller' : script.hangUp; // Who was sent on is hung up by the third.
    bank.phone(n).answer({ ringMs: RING_MS, status: 200, onCall: later(hangUp) });
  }
  for (const n of range(2 * phones + 1, phones)) {
    bank.phone(n).answer({ ringMs: RING_MS, status: 200, onCall: later('callee') });
  }
  await registerAll(
    calledPhones(options).map((n) => bank.phone(n)),
    EXPIRES_S,
  );
}

function calledPhones({ phones, transfer, out }: UserLoadOptions): readonly number[] {
  if (out !== null) return [];
  return [...range(1, phones), ...(transfer ? range(2 * phones + 1, phones) : [])];
}

function targetsOf({ phones, out }: UserLoadOptions): readonly string[] {
  if (out !== null) return [`sip:${out.number}@${LAB_SIP_DOMAIN}`];
  return range(1, phones).map(uriOfUser);
}

function uriOfUser(n: number): string {
  return `sip:${labUser(n)}@${LAB_SIP_DOMAIN}`;
}

type HangUpLater = (who: CallScript['hangUp']) => (call: PhoneCall) => void;

function hangUpLater({ script }: UserLoadOptions, faults: string[]): HangUpLater {
  return (who) => (call) => {
    if (who === 'caller') return;
    const hangUp = async (): Promise<void> => {
      await wait(script.talkMs);
      if (call.isOver) return;
      const status = await call.hangUp();
      if (status !== 200) faults.push(`BYE of the called side: ${status ?? 'no answer'}`);
    };
    hangUp().catch((err: unknown) => faults.push(String(err)));
  };
}

function range(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
