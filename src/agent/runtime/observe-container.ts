import type { Logger } from 'pino';
import { ServerStartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import { EndWatch } from './docker-events.js';
import { exitOf } from './docker-life.js';
import { visibleMainPid } from './docker-pid.js';
import type { ContainerFacts, DockerEngine } from './docker-port.js';
import type { RunningServer, ServerExit, ServerRuntime } from './runtime.js';

/**
 * Finds the server that somebody else runs: the one running container with the label ("name=value"). Watches for its
 * end; never starts, stops or signals it. `newId` names the lives of a container that does not tell when it started.
 */
export function observeByLabel(
  engine: DockerEngine,
  label: string,
  log: Logger,
  time: Timekeeper,
  newId: () => string,
): ServerRuntime {
  const observe = async (isAdopted: boolean): Promise<RunningServer | null> => {
    const facts = await findRunning(engine, label);
    if (facts === null) return null;
    const watch = new EndWatch(facts.id, { engine, log, time });
    await watch.ready;
    log.info({ container: facts.name }, 'watching the server of somebody else');
    const seconds = Math.floor(Date.parse(facts.startedAt) / 1_000);
    const instanceId = seconds > 0 ? `${facts.id.slice(0, 12)}-${seconds}` : newId();
    return observed(facts, instanceId, isAdopted, watch, time);
  };
  return {
    isObserver: true,
    adopt: async () => {
      await engine.ping();
      return observe(true);
    },
    start: async () => {
      const found = await observe(false);
      if (found === null) throw new ServerStartError(`no running container has the label ${label}`);
      return found;
    },
  };
}

/** Null when there is none. Throws ServerStartError when there are several. */
async function findRunning(engine: DockerEngine, label: string): Promise<ContainerFacts | null> {
  const running = (await engine.list(label)).filter((c) => c.status === 'running');
  const [one, ...others] = running;
  if (one === undefined) return null;
  if (others.length > 0) {
    const names = running.map((c) => c.name).sort();
    throw new ServerStartError(
      `${running.length} running containers have the label ${label}: ${names.join(', ')}; ` +
        'give the server of each node a label of its own',
    );
  }
  return engine.inspect(one.id);
}

function observed(
  facts: ContainerFacts,
  instanceId: string,
  isAdopted: boolean,
  watch: EndWatch,
  time: Timekeeper,
): RunningServer {
  let release: (exit: ServerExit) => void = () => undefined;
  const released = new Promise<ServerExit>((resolve) => (release = resolve));
  const ended = watch.ended.then((end) => exitOf(end, facts.memoryBytes));
  const exited = Promise.race([ended, released]);
  const stop = (): Promise<ServerExit> => {
    watch.close();
    const cause = 'it is not watched any more';
    release({ cause, code: null, signal: null, noticedAtMs: time.wallMs() });
    return exited;
  };
  return {
    name: `container ${facts.name}`,
    pid: visibleMainPid(facts.id),
    instanceId,
    isAdopted,
    note: null,
    exited,
    cleared: exited.then(() => undefined),
    stop,
  };
}
