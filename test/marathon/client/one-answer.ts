import assert from 'node:assert/strict';
import type { MarathonClient } from '../../../src/marathon/client/marathon-client.js';
import { client, json, misfits, withFake } from './fake-marathon.js';

/** The answer to one request, after it was checked against the API's schema of that name. */
export async function once<T>(
  schema: string | undefined,
  status: number,
  body: unknown,
  ask: (marathon: MarathonClient) => Promise<T>,
): Promise<{ result: T; method: string; url: string; sent: unknown }> {
  if (schema !== undefined) assert.deepEqual(misfits(schema, body), []);
  let result: T | undefined;
  let sent: unknown;
  let seenAt = { method: '', url: '' };
  await withFake(
    (_, response) =>
      body === undefined ? response.writeHead(status).end() : json(response, status, body),
    async ({ url, seen }) => {
      result = await ask(client([url]));
      assert.equal(seen.length, 1);
      const [first] = seen;
      seenAt = { method: first?.method ?? '', url: first?.url ?? '' };
      sent = first?.body ? JSON.parse(first.body) : undefined;
    },
  );
  return { result: result as T, ...seenAt, sent };
}
