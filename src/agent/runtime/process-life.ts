import type { Logger } from 'pino';
import { ServerStartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import type { FileTail } from './file-tail.js';
import { endInOwnWay, TERM_AGAIN_MS } from './own-way.js';
import { livingMembers, signalGroup, trySignal } from './process-group.js';
import type { RunningServer, ServerExit, StopSteps } from './runtime.js';

/** How long the kernel may need to end a killed group. */
const CLEAR_LIMIT_MS = 10_000;
const CLEAR_POLL_MS = 5;

/** A main process that leads its own session and group, and how its end is noticed. */
export interface ProcessLife {
  readonly pid: number;
  readonly instanceId: string;
  readonly isAdopted: boolean;
  readonly note: string | null;
  readonly exited: Promise<ServerExit>;
  /** Told to its end before the life counts as cleared; null when it cannot be followed. */
  readonly output: FileTail | null;
  /** Called when its whole group is gone; must not throw. */
  readonly forget: () => void;
}

/** Watches over one life: after its end the group is killed and its last words are told; `stop` ends it. */
export function superviseProcess(life: ProcessLife, log: Logger, time: Timekeeper): RunningServer {
  const { pid, instanceId, isAdopted, note, exited } = life;
  const cleared = exited.then(async () => {
    try {
      await clearGroup(pid, log, time);
    } finally {
      await life.output?.end();
    }
    life.forget();
  });
  cleared.catch(() => undefined); // Whoever waits for it gets the error.
  let stopping: Promise<ServerExit> | null = null;
  const stop = (steps: StopSteps): Promise<ServerExit> => {
    stopping ??= stopInSteps({ pid, exited, cleared }, steps, log, time);
    return stopping;
  };
  return { name: `process ${pid}`, pid, instanceId, isAdopted, note, exited, cleared, stop };
}

async function stopInSteps(
  { pid, exited, cleared }: Pick<RunningServer, 'exited' | 'cleared'> & { readonly pid: number },
  steps: StopSteps,
  log: Logger,
  time: Timekeeper,
): Promise<ServerExit> {
  const over = new AbortController();
  void exited.then(() => over.abort());
  await endInOwnWay(steps, over.signal, log, time);
  const killMs = time.monoMs() + steps.termMs;
  while (!over.signal.aborted && time.monoMs() < killMs) {
    trySignal(pid, 'SIGTERM');
    await time.wait(Math.min(TERM_AGAIN_MS, Math.max(1, killMs - time.monoMs())), over.signal);
  }
  if (!over.signal.aborted) {
    log.warn({ pid, termMs: steps.termMs }, 'the server did not end on SIGTERM, killing its group');
    signalGroup(pid, 'SIGKILL');
  }
  const exit = await exited;
  await cleared;
  return exit;
}

/** Kills what is left of the group until nothing lives. Throws ServerStartError after CLEAR_LIMIT_MS. */
export async function clearGroup(leader: number, log: Logger, time: Timekeeper): Promise<void> {
  const isAnyLeft = signalGroup(leader, 'SIGKILL');
  const endMs = time.monoMs() + CLEAR_LIMIT_MS;
  let left = livingMembers(leader);
  if (isAnyLeft && left.length > 0) {
    log.info({ leader, members: left.length }, 'killed the workers that the server left behind');
  }
  while (left.length > 0) {
    for (const member of left) trySignal(member.pid, 'SIGKILL');
    if (time.monoMs() > endMs) {
      const pids = left.map((member) => member.pid).join(', ');
      throw new ServerStartError(`processes ${pids} of the last server cannot be killed`);
    }
    await time.wait(CLEAR_POLL_MS);
    left = livingMembers(leader);
  }
}
