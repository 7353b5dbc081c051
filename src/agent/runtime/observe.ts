import type { Logger } from 'pino';
import type { Timekeeper } from '../ports.js';
import type { RunningServer, ServerExit, ServerRuntime } from './runtime.js';

/**
 * A server that somebody else runs (a pod, systemd) and that is known by its address alone, `where`
 * ("10.0.3.11:5060"). Nothing of it is started, signalled or asked to end: its ends show in the checks.
 * `newId` names the life that is found as the agent starts; `start` only looks again.
 */
export function observeByAddress(
  where: string,
  time: Timekeeper,
  log: Logger,
  newId: () => string,
): ServerRuntime {
  const observe = (instanceId: string): Promise<RunningServer> => {
    const server = observed(where, instanceId, time);
    log.info({ server: server.name }, 'observing a server that somebody else runs');
    return Promise.resolve(server);
  };
  return { isObserver: true, adopt: () => observe(newId()), start: observe };
}

function observed(where: string, instanceId: string, time: Timekeeper): RunningServer {
  let over: (exit: ServerExit) => void = () => undefined;
  const exited = new Promise<ServerExit>((resolve) => {
    over = resolve;
  });
  return {
    name: `the server at ${where}`,
    pid: null,
    instanceId,
    isAdopted: true,
    note: null,
    exited,
    cleared: exited.then(() => undefined),
    stop: () => {
      const noticedAtMs = time.wallMs();
      over({ cause: 'no longer observed', code: null, signal: null, noticedAtMs });
      return exited;
    },
  };
}
