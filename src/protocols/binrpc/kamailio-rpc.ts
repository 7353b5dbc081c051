import type { RpcPort } from './rpc-reply.js';
import { counter, isFault, only } from './rpc-reply.js';
import type { BinrpcValue } from './value.js';
import { intOf, requireMember, textOf } from './value.js';

/**
 * Typed questions to a Kamailio. Each passes `timeoutMs` on, rejects as the port's `call` does, and
 * throws ProtocolError, naming what was expected, for a reply of another shape.
 */

/** Transactions since the start; `current` and `waiting` are those alive now. */
export interface TmStats {
  readonly current: number;
  /** Of `current`: answered, kept only to absorb retransmissions. */
  readonly waiting: number;
  readonly total: number;
  readonly created: number;
  readonly freed: number;
}

/** Shared memory in KiB: bytes would not fit BINRPC's 32 bits from 4 GiB on, and MiB are too coarse. */
export interface SharedMemory {
  readonly totalKib: number;
  readonly freeKib: number;
  /** With the allocator's own overhead: what is really gone. */
  readonly usedKib: number;
  /** The most that was ever used. */
  readonly maxUsedKib: number;
}

/** Dialogs alive by state, as the module dialog counts them. */
export interface DialogCounts {
  readonly starting: number;
  readonly connecting: number;
  readonly answering: number;
  readonly ongoing: number;
  readonly all: number;
}

export async function readTmStats(rpc: RpcPort, timeoutMs?: number): Promise<TmStats> {
  const stats = only('tm.stats', await rpc.call('tm.stats', [], timeoutMs));
  return {
    current: counter(stats, 'current'),
    waiting: counter(stats, 'waiting'),
    total: counter(stats, 'total'),
    created: counter(stats, 'created'),
    freed: counter(stats, 'freed'),
  };
}

/** Whole seconds since Kamailio started; a smaller number than before means a restart. */
export async function readUptimeSeconds(rpc: RpcPort, timeoutMs?: number): Promise<number> {
  return counter(only('core.uptime', await rpc.call('core.uptime', [], timeoutMs)), 'uptime');
}

/** For example `kamailio 5.6.3 (x86_64/linux)`. */
export async function readVersion(rpc: RpcPort, timeoutMs?: number): Promise<string> {
  return textOf(only('core.version', await rpc.call('core.version', [], timeoutMs))).trim();
}

export async function readSharedMemory(rpc: RpcPort, timeoutMs?: number): Promise<SharedMemory> {
  const memory = only('core.shmmem', await rpc.call('core.shmmem', ['k'], timeoutMs));
  return {
    totalKib: counter(memory, 'total'),
    freeKib: counter(memory, 'free'),
    usedKib: counter(memory, 'real_used'),
    maxUsedKib: counter(memory, 'max_used'),
  };
}

/** Sets `$shv(name)`, which the config must declare (module pv, `shvset`). */
export async function setSharedVariable(
  rpc: RpcPort,
  name: string,
  value: number,
  timeoutMs?: number,
): Promise<void> {
  await rpc.call('pv.shvSet', [name, 'int', value], timeoutMs);
}

/** The number in `$shv(name)`. */
export async function readSharedVariable(
  rpc: RpcPort,
  name: string,
  timeoutMs?: number,
): Promise<number> {
  const variable = only('pv.shvGet', await rpc.call('pv.shvGet', [name], timeoutMs));
  return intOf(requireMember(variable, 'value'));
}

/** Null when this Kamailio has not loaded the module dialog. */
export async function readDialogCounts(
  rpc: RpcPort,
  timeoutMs?: number,
): Promise<DialogCounts | null> {
  let reply: readonly BinrpcValue[];
  try {
    reply = await rpc.call('dlg.stats_active', [], timeoutMs);
  } catch (err) {
    if (isFault(err, 'command dlg.stats_active not found')) return null;
    throw err;
  }
  const stats = only('dlg.stats_active', reply);
  return {
    starting: counter(stats, 'starting'),
    connecting: counter(stats, 'connecting'),
    answering: counter(stats, 'answering'),
    ongoing: counter(stats, 'ongoing'),
    all: counter(stats, 'all'),
  };
}
