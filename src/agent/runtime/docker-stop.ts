import { CarnaError, messageOf, ServerStartError } from '../../util/errors.js';
import type { ContainerLife, LifeDeps } from './docker-life.js';
import { endInOwnWay, TERM_AGAIN_MS } from './own-way.js';
import { trySignal } from './process-group.js';
import type { ServerExit, StopSteps } from './runtime.js';

/** How long the kernel and the engine may need to end a killed container. */
const KILL_LIMIT_MS = 30_000;

/**
 * Ends the server step by step: its own way, SIGTERM each second, SIGKILL. Where the engine does not answer, the main
 * process is signalled directly if it can be seen. Throws ServerStartError when it does not even end on SIGKILL.
 */
export async function stopContainer(
  life: ContainerLife,
  exited: Promise<ServerExit>,
  steps: StopSteps,
  deps: LifeDeps,
): Promise<ServerExit> {
  const { log, time } = deps;
  const over = new AbortController();
  void exited.then(() => over.abort());
  await endInOwnWay(steps, over.signal, log, time);
  await signalUntil(life, 'SIGTERM', steps.termMs, over.signal, deps);
  if (over.signal.aborted) return exited;
  const { termMs } = steps;
  log.warn({ container: life.name, termMs }, 'the server did not end on SIGTERM, killing it');
  const trouble = await signalUntil(life, 'SIGKILL', KILL_LIMIT_MS, over.signal, deps);
  if (over.signal.aborted) return exited;
  throw new ServerStartError(
    `container ${life.name} does not end: ${trouble ?? 'it survives SIGKILL'}`,
  );
}

/** Sends the signal each second until the server ended or `limitMs` passed; gives the last trouble in sending it. */
async function signalUntil(
  life: ContainerLife,
  signal: 'SIGTERM' | 'SIGKILL',
  limitMs: number,
  over: AbortSignal,
  deps: LifeDeps,
): Promise<string | null> {
  const { time, log } = deps;
  const endMs = time.monoMs() + limitMs;
  let trouble: string | null = null;
  let isSending = false;
  const send = async (): Promise<void> => {
    isSending = true;
    const fault = await sendSignal(life, signal, deps);
    if (fault !== null && trouble === null) log.warn({ signal, fault }, 'cannot signal the server');
    trouble = fault;
    isSending = false;
  };
  while (!over.aborted && time.monoMs() < endMs) {
    if (!isSending) void send(); // An engine that hangs must not stretch the limits.
    await time.wait(Math.min(TERM_AGAIN_MS, Math.max(1, endMs - time.monoMs())), over);
  }
  return trouble;
}

/** Null when the signal was sent or nobody is there to get it. */
async function sendSignal(
  { id }: ContainerLife,
  signal: 'SIGTERM' | 'SIGKILL',
  { engine, mainPid }: LifeDeps,
): Promise<string | null> {
  try {
    await engine.kill(id, signal);
    return null;
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    const pid = mainPid(id);
    return pid !== null && trySignal(pid, signal) ? null : messageOf(err);
  }
}
