import { constants } from 'node:os';
import { MissingPartError, messageOf, ServerStartError } from '../../util/errors.js';
import type { ContainerEnd, EndWatch, WatchDeps } from './docker-events.js';
import type { OutputFollower } from './docker-output.js';
import { stopContainer } from './docker-stop.js';
import type { RunningServer, ServerExit, StopSteps } from './runtime.js';
import { describeExit } from './runtime.js';

/** A container that runs the server. */
export interface ContainerLife {
  readonly id: string;
  readonly name: string;
  readonly instanceId: string;
  readonly isAdopted: boolean;
  readonly note: string | null;
  readonly pid: number | null;
  /** The limit that counts for it; 0 = none or unknown. */
  readonly memoryBytes: number;
  /** The engine removes it by itself. */
  readonly isAutoRemoved: boolean;
}

export interface LifeDeps extends WatchDeps {
  /** The main process of a container, where this process can see it. */
  readonly mainPid: (containerId: string) => number | null;
}

/** Whoever ends so soon after its start may have told why; its words are waited for. */
const EARLY_MS = 5_000;
const LAST_WORDS_MS = 300;
/** How long the engine may take to remove the container by itself, and then on our asking. */
const AUTO_REMOVE_MS = 3_000;
const CLEAR_LIMIT_MS = 60_000;
const CLEAR_POLL_MS = 50;
const BYTES_PER_MB = 1 << 20;

/** The server in a container that was started or found just now; `watch` and `output` follow it already. */
export function superviseContainer(
  life: ContainerLife,
  watch: EndWatch,
  output: OutputFollower,
  deps: LifeDeps,
): RunningServer {
  const startedMs = deps.time.monoMs();
  const exited = watch.ended.then(async (end): Promise<ServerExit> => {
    const isEarly = !life.isAdopted && deps.time.monoMs() - startedMs < EARLY_MS;
    const exit = exitOf(end, life.memoryBytes);
    const isTelling = isEarly && exit.signal === null;
    if (isTelling) await output.settled(LAST_WORDS_MS);
    const words = isTelling ? output.lastLines() : [];
    return { ...exit, cause: [exit.cause, ...words].join(words.length === 0 ? '' : ' | ') };
  });
  const silent = watch.ended.then(async () => {
    await output.settled(LAST_WORDS_MS);
    output.close();
  });
  const cleared = Promise.all([exited, silent]).then(() => clearContainer(life, deps));
  cleared.catch(() => undefined); // Whoever waits for it gets the error.
  let stopping: Promise<ServerExit> | null = null;
  const stop = (steps: StopSteps): Promise<ServerExit> => {
    stopping ??= stopContainer(life, exited, steps, deps).then(async (exit) => {
      await cleared;
      return exit;
    });
    return stopping;
  };
  const { instanceId, isAdopted, note, pid } = life;
  const name = `container ${life.name}`;
  return { name, pid, instanceId, isAdopted, note, exited, cleared, stop };
}

/** Shells and Docker tell a signal as 128 and its number. Pure. */
export function exitOf(end: ContainerEnd, memoryBytes: number): ServerExit {
  const { exitCode, isOutOfMemory, noticedAtMs } = end;
  const signal = signalOf(exitCode);
  const code = signal === null ? exitCode : null;
  const limit = memoryBytes === 0 ? '' : `, limit ${Math.round(memoryBytes / BYTES_PER_MB)} MB`;
  const told =
    exitCode === null
      ? 'its container is gone, nobody saw how it ended'
      : describeExit(code, signal);
  const cause = isOutOfMemory ? `${told}: out of memory${limit}` : told;
  return { cause, code, signal, noticedAtMs };
}

function signalOf(exitCode: number | null): string | null {
  if (exitCode === null || exitCode <= 128) return null;
  const entry = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128);
  return entry?.[0] ?? null;
}

/** Waits until the container is gone, and removes it when the engine does not. Throws ServerStartError after CLEAR_LIMIT_MS. */
async function clearContainer(life: ContainerLife, deps: LifeDeps): Promise<void> {
  const { engine, time } = deps;
  const { id, name } = life;
  const removeAfterMs = life.isAutoRemoved ? AUTO_REMOVE_MS : 0;
  const beganMs = time.monoMs();
  let trouble = 'the engine does not remove it';
  let isAsked = false;
  while (time.monoMs() - beganMs < CLEAR_LIMIT_MS) {
    try {
      if ((await engine.inspect(id)) === null) return;
      if (!isAsked && time.monoMs() - beganMs >= removeAfterMs) {
        await engine.remove(id);
        isAsked = true;
        continue;
      }
    } catch (err) {
      if (!(err instanceof ServerStartError || err instanceof MissingPartError)) throw err;
      trouble = messageOf(err);
    }
    await time.wait(CLEAR_POLL_MS);
  }
  throw new ServerStartError(`container ${name} of the last server is not gone: ${trouble}`);
}
