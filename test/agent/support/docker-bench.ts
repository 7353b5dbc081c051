import assert from 'node:assert/strict';
import type { DockerRuntimeOptions } from '../../../src/agent/runtime/docker.js';
import { dockerRuntime } from '../../../src/agent/runtime/docker.js';
import type {
  RunningServer,
  ServerExit,
  ServerRuntime,
} from '../../../src/agent/runtime/runtime.js';
import { collectingLog, FakeEngine, OWN_ID } from './docker-fakes.js';
import { FakeTime, flush } from './fake-time.js';

/** In the environment of the server; no message may show it. */
export const SECRET = 'hunter22';

/** A runtime with nothing real around it. */
export class Bench {
  readonly time = new FakeTime();
  readonly log = collectingLog();
  readonly engine: FakeEngine;
  readonly runtime: ServerRuntime;
  readonly told: string[] = [];

  constructor(more: Partial<DockerRuntimeOptions> = {}, engine = new FakeEngine()) {
    this.engine = engine;
    const options: DockerRuntimeOptions = {
      engine,
      image: 'carna/kamailio:1',
      command: ['kamailio', '-DD'],
      env: { DB_PASSWORD: SECRET },
      kind: 'freeswitch',
      nodeId: 'n1',
      taskId: '',
      appId: '',
      container: OWN_ID,
      limits: { memoryBytes: 80 << 20, cpus: null },
      labels: {},
      further: [],
      stateDir: '/state',
      ctlSocket: null,
      dockerSocket: '/var/run/docker.sock',
      pull: 'missing',
      hints: { cgroup: '', mountinfo: '', hasDockerEnv: true, hostname: 'h', mesosContainer: null },
      mainPid: () => 42,
      ...more,
    };
    this.runtime = dockerRuntime(options, this.log.log, this.time);
  }

  async start(): Promise<RunningServer> {
    const server = await this.runtime.start('life-1', (text) => this.told.push(text));
    await flush();
    return server;
  }

  /** The error of a start or of another call. */
  async fails(call: Promise<unknown> = this.start()): Promise<Error> {
    const err: unknown = await call.then(
      () => null,
      (e: unknown) => e,
    );
    assert.ok(err instanceof Error, 'it fails');
    return err;
  }

  /** Lets time pass until it settles. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    promise.then(over, over);
    for (let turn = 0; turn < 1_000 && !isOver; turn++) await this.time.advance(100);
    assert.ok(isOver, 'it settles in the end');
    return promise;
  }

  exitOf(server: RunningServer): Promise<ServerExit> {
    return this.settled(server.exited);
  }
}
