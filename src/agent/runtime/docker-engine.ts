import { Agent } from 'node:http';
import type Docker from 'dockerode';
import { messageOf, MissingPartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import { asker, orNull } from './docker-ask.js';
import * as codec from './docker-codec.js';
import { garbage } from './docker-faults.js';
import type { DockerEngine, EngineEvent, PullMessage } from './docker-port.js';

/** How long the engine may take for an answer. Starting and removing wait for the kernel and the disk. */
const ASK_MS = 10_000;
const ACT_MS = 60_000;
/** Whoever stops a server has other ways to signal it. */
const KILL_MS = 2_000;
const NOT_FOUND = 404;
/** It does not run, or it is being removed already. */
const CONFLICT = 409;

/**
 * The engine behind a unix socket, through dockerode. It is loaded only here and only now, since it brings
 * much that an agent without Docker has no use for. Throws MissingPartError when dockerode refuses to start.
 */
export async function openDockerEngine(
  socketPath: string,
  time: Pick<Timekeeper, 'wait'>,
): Promise<DockerEngine> {
  const { default: Dockerode } = await import('dockerode');
  try {
    // A connection per call: one that is kept would be the dead one of an engine that restarted.
    const agent = new Agent({ keepAlive: false });
    // Without a host and a protocol of its own it would follow DOCKER_HOST.
    const options = { socketPath, protocol: 'http' as const, agent };
    return engineOf(new Dockerode(Object.assign({ host: undefined }, options)), socketPath, time);
  } catch (err) {
    throw new MissingPartError(
      `Docker's client cannot be set up: ${messageOf(err)}`,
      'unset DOCKER_HOST, DOCKER_CERT_PATH and DOCKER_TLS_VERIFY: CARNA_DOCKER_SOCKET says where the engine is',
    );
  }
}

/** What dockerode's types leave out. Of inspecting an image the library has no abort at all. */
interface Abortable {
  ping(options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
  info(options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
}

function engineOf(
  docker: Docker,
  socketPath: string,
  time: Pick<Timekeeper, 'wait'>,
): DockerEngine {
  const { ask, stream } = asker(socketPath, time);
  const abortable = docker as unknown as Abortable;
  const known = <T>(what: string, value: T | null): T => {
    if (value === null) throw garbage(what, socketPath);
    return value;
  };
  return {
    socketPath,
    ping: async () => {
      const what = 'asking for an answer';
      const answer = await ask(what, ASK_MS, (abortSignal) => abortable.ping({ abortSignal }));
      if (String(answer) !== 'OK') throw garbage(what, socketPath);
    },
    info: async () => {
      const what = 'reading what the engine is';
      const json = await ask(what, ASK_MS, (abortSignal) => abortable.info({ abortSignal }));
      return known(what, codec.readInfo(json));
    },
    inspect: async (name) => {
      const what = `inspecting container ${name}`;
      const json = await orNull(
        ask(what, ASK_MS, (abortSignal) => docker.getContainer(name).inspect({ abortSignal })),
        NOT_FOUND,
      );
      return json === null ? null : known(what, codec.readContainer(json));
    },
    inspectImage: async (name) => {
      const what = `inspecting image ${name}`;
      const json = await orNull(
        ask(what, ASK_MS, () => docker.getImage(name).inspect()),
        NOT_FOUND,
      );
      return json === null ? null : known(what, codec.readImage(json));
    },
    list: async (label) => {
      const what = `listing containers with the label ${label}`;
      const json = await ask(what, ASK_MS, (abortSignal) =>
        docker.listContainers({ all: true, filters: { label: [label] }, abortSignal }),
      );
      return known(what, codec.readSummaries(json));
    },
    create: async (name, body) => {
      const what = `creating container ${name}`;
      const json = await ask(what, ACT_MS, (abortSignal) =>
        docker.createContainer({ name, ...(body as object), abortSignal }),
      );
      const id = typeof json === 'object' && json !== null && 'id' in json ? json.id : null;
      return known(what, typeof id === 'string' && id !== '' ? id : null);
    },
    start: async (id) => {
      await ask('starting the container', ACT_MS, (abortSignal) =>
        docker.getContainer(id).start({ abortSignal }),
      );
    },
    kill: async (id, signal) => {
      const answer = await orNull(
        ask(`sending ${signal}`, KILL_MS, (abortSignal) =>
          docker.getContainer(id).kill({ signal, abortSignal }),
        ),
        ...[NOT_FOUND, CONFLICT],
      );
      return answer !== null;
    },
    remove: async (id) => {
      await orNull(
        ask('removing the container', ACT_MS, (abortSignal) =>
          docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
        ),
        ...[NOT_FOUND, CONFLICT],
      );
    },
    removeVolume: async (name) => {
      // The library's own call takes no signal and gives an empty text.
      const answer = await orNull(
        ask(`removing volume ${name}`, ACT_MS, async () => {
          await docker.getVolume(name).remove();
          return true;
        }),
        ...[NOT_FOUND, CONFLICT],
      );
      return answer !== null;
    },
    events: async (id, sinceSeconds, over) => {
      const what = 'following events';
      const filters = { type: ['container'], container: [id], event: ['die', 'oom', 'destroy'] };
      const bytes = await stream(what, over, (abortSignal) =>
        docker.getEvents({ since: sinceSeconds, filters: JSON.stringify(filters), abortSignal }),
      );
      return checked<EngineEvent>(what, codec.jsonLines(bytes, codec.readEvent), known);
    },
    logs: (id, sinceSeconds, over) =>
      stream('following the output', over, (abortSignal) =>
        docker.getContainer(id).logs({
          ...{ follow: true, stdout: true, stderr: true, timestamps: true },
          since: sinceSeconds,
          abortSignal,
        }),
      ),
    attach: (id, over) =>
      stream('following the first output', over, (abortSignal) =>
        docker.getContainer(id).attach({ stream: true, stdout: true, stderr: true, abortSignal }),
      ),
    pull: async (image, over) => {
      const what = `pulling ${image}`;
      const bytes = await stream(what, over, (abortSignal) =>
        docker.createImage({ fromImage: image, abortSignal }),
      );
      return checked<PullMessage>(what, codec.jsonLines(bytes, codec.readPullMessage), known);
    },
  };
}

/** Refuses what is no message of Docker's. */
async function* checked<T>(
  what: string,
  messages: AsyncIterable<T | null>,
  known: (what: string, value: T | null) => T,
): AsyncGenerator<T> {
  for await (const message of messages) yield known(what, message);
}
