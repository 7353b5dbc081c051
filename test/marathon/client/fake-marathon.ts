import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { MarathonPorts } from '../../../src/marathon/client/call.js';
import { MarathonClient } from '../../../src/marathon/client/marathon-client.js';
import type { MarathonSettings } from '../../../src/marathon/client/settings.js';
import { MARATHON_DEFAULTS } from '../../../src/marathon/client/settings.js';
import { systemClock } from '../../../src/util/clock.js';

/** A request as it arrived. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Fake {
  readonly url: string;
  readonly seen: Seen[];
}

/** Answers one request. */
export type Handler = (seen: Seen, response: ServerResponse) => void;

export const never = new AbortController().signal;

/** Without pauses: a retry follows at once. */
export const testPorts: MarathonPorts = {
  clock: systemClock,
  wait: async () => undefined,
  random: () => 0,
};

/** A server on loopback for the time of `use`; every connection of it is closed after. */
export async function withFake(
  handler: Handler,
  use: (fake: Fake) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(one);
      handler(one, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen });
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function settings(
  baseUrls: readonly string[],
  more: Partial<MarathonSettings> = {},
): MarathonSettings {
  return { ...MARATHON_DEFAULTS, baseUrls, credentials: { kind: 'none' }, ...more };
}

export function client(
  baseUrls: readonly string[],
  more: Partial<MarathonSettings> = {},
): MarathonClient {
  return new MarathonClient(settings(baseUrls, more), testPorts);
}

/** What the API's schema of that name has against the value. */
export function misfits(name: string, value: unknown): unknown {
  const schema = JSON.parse(
    readFileSync(`test/fixtures/marathon-schema/${name}.schema.json`, 'utf8'),
  ) as object;
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(schema);
  return validate(value) ? [] : validate.errors;
}

/** A task of the media app; `run` is its incarnation. */
export const taskId = (name: string, run = 1): string =>
  `carna_dc1_media.instance-00000000-0000-0000-0000-00000000000${name}._app.${run}`;

export const task = (id: string): Record<string, unknown> => ({
  id,
  appId: '/carna/dc1/media',
  host: 'h1',
  state: 'TASK_RUNNING',
  ports: [31000],
  startedAt: '2024-01-01T00:00:00.000Z',
  version: '2024-01-01T00:00:00.000Z',
});

export const app = (
  instances: number,
  ids: readonly string[],
  deployments: readonly string[] = [],
): Record<string, unknown> => ({
  id: '/carna/dc1/media',
  instances,
  version: '2024-01-01T00:00:00.000Z',
  tasksRunning: ids.length,
  tasksStaged: 0,
  tasksHealthy: ids.length,
  tasksUnhealthy: 0,
  deployments: deployments.map((id) => ({ id })),
  tasks: ids.map(task),
});

export const STARTED = { deploymentId: 'd-1', version: '2024-01-01T00:00:00.000Z' };
