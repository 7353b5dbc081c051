import { messageOf, MissingPartError, ServerStartError } from '../../util/errors.js';
import type { Flag } from './flag-file.js';
import type { RunningServer, ServerRuntime } from './runtime.js';

/**
 * A runtime that remembers, across agents, that it has started a server. While one may run, whatever is
 * missing is waited for: an agent that gave up would take its container with it, and the server's calls.
 */
export function rememberingRuntime(runtime: ServerRuntime, hasServer: Flag): ServerRuntime {
  const remember = (server: RunningServer): RunningServer => {
    hasServer.write(true);
    server.cleared.then(
      () => hasServer.write(false),
      () => undefined, // Not cleared: it may still run.
    );
    return server;
  };
  return {
    isObserver: runtime.isObserver,
    adopt: async () => {
      try {
        const found = await runtime.adopt();
        if (found === null) hasServer.write(false);
        return found === null ? null : remember(found);
      } catch (err) {
        if (!(err instanceof MissingPartError) || !hasServer.read()) throw err;
        throw new ServerStartError(`${messageOf(err)} (a server of ours may run: not giving up)`, {
          cause: err,
        });
      }
    },
    start: async (instanceId, onProgress) => remember(await runtime.start(instanceId, onProgress)),
  };
}
