import assert from 'node:assert/strict';
import { waitUntil } from '../../src/util/wait.js';
import type { MesosHost } from './driver.js';
import { MemoryDriver } from './memory-driver.js';
import type { Minimarathon } from './minimarathon.js';
import { startMinimarathon } from './minimarathon.js';
import type { MinimarathonOptions, Timing } from './options.js';

/** Longest wait for a state (ms): only a failing test gets there. */
export const PATIENCE_MS = 30_000;

export type Json = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** A host that offers what one SIP role needs, and Mesos' own range. */
export function host(
  hostname: string,
  attributes: Readonly<Record<string, string>> = {},
): MesosHost {
  const ports = [
    [5060, 5061],
    [9100, 9101],
    [31000, 31099],
  ] as const;
  return { hostname, attributes, ports, cpus: 8, mem: 8192 };
}

/** `n` of them, named h1, h2 and so on. */
export function hosts(n: number): readonly MesosHost[] {
  return Array.from({ length: n }, (_, index) => host(`h${index + 1}`));
}

/** Fast enough for unit tests: a second of a definition lasts 5 ms. */
export const FAST: Partial<Timing> = {
  secondMs: 5,
  offerMs: 1,
  unreachableAfterMs: 5,
  reconcileMs: 5,
};

/** The server over tasks in memory, with what tests say to it. */
export class Rig {
  readonly marathon: Minimarathon;
  readonly driver: MemoryDriver;

  constructor(marathon: Minimarathon, driver: MemoryDriver) {
    this.marathon = marathon;
    this.driver = driver;
  }

  async send(method: string, path: string, body?: unknown, base?: string): Promise<Reply> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${base ?? this.marathon.url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    const json = (isJson && answer !== '' ? JSON.parse(answer) : { text: answer }) as Json;
    return { status: response.status, headers: response.headers, body: json };
  }

  /** Asserts the status and gives the deployment's id. */
  async change(method: string, path: string, body?: unknown, status = 200): Promise<string> {
    const reply = await this.send(method, path, body);
    assert.equal(reply.status, status, JSON.stringify(reply.body));
    return (reply.body.deploymentId ?? reply.headers.get('marathon-deployment-id')) as string;
  }

  /** The same, and waits until no deployment is under way. */
  async settle(method: string, path: string, body?: unknown, status = 200): Promise<void> {
    await this.change(method, path, body, status);
    await this.idle();
  }

  async idle(): Promise<void> {
    await this.until('no deployment', async () => {
      const { body } = await this.send('GET', '/v2/deployments');
      return (body as unknown as unknown[]).length === 0;
    });
  }

  async app(id: string): Promise<Json> {
    return (await this.send('GET', `/v2/apps${id}`)).body.app as Json;
  }

  async tasks(id: string): Promise<readonly Json[]> {
    return (await this.app(id)).tasks as Json[];
  }

  async taskIds(id: string): Promise<readonly string[]> {
    return (await this.tasks(id)).map((task) => task.id as string);
  }

  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    await waitUntil(what, PATIENCE_MS, isTrue, 2);
  }
}

/** Starts a server for the time of `use`; afterwards nothing must have gone wrong inside. */
export async function withRig(
  use: (rig: Rig) => Promise<void>,
  options: Partial<MinimarathonOptions> & { readonly memory?: MemoryDriver } = {},
): Promise<void> {
  const { memory = new MemoryDriver(), ...rest } = options;
  const marathon = await startMinimarathon({
    driver: memory,
    hosts: hosts(4),
    listen: { host: '127.0.0.1', port: 0 },
    timing: FAST,
    ...rest,
  });
  try {
    await use(new Rig(marathon, memory));
  } finally {
    await marathon.close();
  }
  assert.deepEqual(marathon.problems, []);
}

/** A small app with one instance; `more` wins. */
export function sleeper(id: string, more: Json = {}): Json {
  return { id, cmd: 'sleep 1000', cpus: 0.1, mem: 16, portDefinitions: [], ...more };
}
