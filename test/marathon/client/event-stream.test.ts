import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { StreamItem, StreamTiming } from '../../../src/marathon/client/event-stream.js';
import { runEventStream } from '../../../src/marathon/client/event-stream.js';
import { MarathonUnavailableError } from '../../../src/util/errors.js';
import { freePort } from '../../support/resources.js';
import { client, settings, testPorts, withFake } from './fake-marathon.js';
import { MarathonClient } from '../../../src/marathon/client/marathon-client.js';

const FOREVER_MS = 2 ** 30;
const TIMING: StreamTiming = {
  silentMs: FOREVER_MS,
  resyncMs: FOREVER_MS,
  retry: { minMs: 1, maxMs: 1 },
};

const EVENT = 'data: {"eventType":"deployment_success","id":"d-1"}\n\n';

/** A line for each item that the follower is given. */
function lineOf(item: StreamItem<number>): string {
  if (item.kind === 'snapshot') return `snapshot ${item.snapshot} (${item.cause})`;
  return item.kind === 'event' ? item.event.kind : `away: ${item.error.message}`;
}

/** Follows streams of which the n-th is served by the n-th handler, until `count` items came. */
async function follow(
  streams: readonly ((response: ServerResponse) => void)[],
  count: number,
  timing: Partial<StreamTiming> = {},
  snapshot: (n: number) => number = (n) => n,
): Promise<string[]> {
  const lines: string[] = [];
  const stop = new AbortController();
  let opened = 0;
  let snapshots = 0;
  await withFake(
    (_, response) => {
      const serve = streams[Math.min(opened++, streams.length - 1)];
      serve?.(response);
    },
    async ({ url }) => {
      const marathon = client([url]);
      const deps = {
        ...testPorts,
        open: async (signal: AbortSignal) => marathon.openEvents(['deployment_success'], signal),
        readSnapshot: async () => snapshot(++snapshots),
      };
      const take = (item: StreamItem<number>): void => {
        lines.push(lineOf(item));
        if (lines.length === count) stop.abort();
      };
      await runEventStream(deps, { ...TIMING, ...timing }, take, stop.signal);
    },
  );
  return lines;
}

const open = (response: ServerResponse): ServerResponse => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  return response;
};

test('a snapshot comes first, then events; a broken stream gives a new snapshot', async () => {
  const lines = await follow(
    [(r) => open(r).write(EVENT, () => r.destroy()), (r) => open(r).write(EVENT)],
    5,
  );
  assert.deepEqual(lines[0], 'snapshot 1 (attached)');
  assert.deepEqual(lines.slice(1, 2), ['deployment']);
  assert.match(lines[2] ?? '', /^away: event stream: /);
  assert.deepEqual(lines.slice(3), ['snapshot 2 (attached)', 'deployment']);
});

test('a stream that ends by itself is opened again', async () => {
  const lines = await follow([(r) => open(r).end()], 3);
  assert.deepEqual(lines.slice(0, 1), ['snapshot 1 (attached)']);
  assert.match(lines[1] ?? '', /^away: event stream: closed/);
  assert.equal(lines[2], 'snapshot 2 (attached)');
});

test('a silent stream is taken for dead', async () => {
  const lines = await follow([open], 3, { silentMs: 50 });
  assert.deepEqual(lines, [
    'snapshot 1 (attached)',
    'away: event stream: silent for 50 ms',
    'snapshot 2 (attached)',
  ]);
});

test('a stream that loses events is made up for by snapshots', async () => {
  const lines = await follow([open], 3, { resyncMs: 20 });
  assert.deepEqual(lines, ['snapshot 1 (attached)', 'snapshot 2 (resync)', 'snapshot 3 (resync)']);
});

test('a garbled event asks for a snapshot and the stream goes on', async () => {
  const lines = await follow([(r) => open(r).write(`data: half a\n\n`)], 2);
  assert.deepEqual(lines, ['snapshot 1 (attached)', 'snapshot 2 (events-lost)']);
});

test('a snapshot that fails begins everything anew', async () => {
  const lines = await follow([open], 2, {}, (n) => {
    if (n === 1) throw new MarathonUnavailableError('away');
    return n;
  });
  assert.deepEqual(lines, ['away: away', 'snapshot 2 (attached)']);
});

test('what is no event stream is a named error', async () => {
  const answers: readonly [(r: ServerResponse) => void, RegExp][] = [
    [(r) => r.end('<html>'), /expected text\/event-stream, found 200 with no content type/],
    [(r) => r.writeHead(503).end(), /answered 503/],
    [(r) => r.writeHead(401).end(), /answered 401/],
    [(r) => r.writeHead(302, { location: '/login' }).end(), /another path/],
    [(r) => r.writeHead(302).end(), /not to a URL/],
  ];
  for (const [answer, words] of answers) {
    const [line = ''] = await follow([answer], 1);
    assert.match(line, words);
  }
});

test('a follower whose code is wrong is not silenced', async () => {
  const bug = follow([open], 2, {}, () => {
    throw new TypeError('bug');
  });
  await assert.rejects(bug, TypeError);
});

test('the stream of a non-leader is that of the leader it redirects to, with our credentials', () =>
  withFake(
    (_, response) => open(response).write(EVENT),
    async (leader) =>
      withFake(
        (seen, response) => response.writeHead(302, { location: `${leader.url}${seen.url}` }).end(),
        async (standby) => {
          const dead = `http://127.0.0.1:${await freePort()}`;
          const marathon = new MarathonClient(
            settings([dead, standby.url], { credentials: { kind: 'token', authorization: 'T x' } }),
            testPorts,
          );
          const stop = new AbortController();
          const kinds: string[] = [];
          const deps = {
            ...testPorts,
            open: async (signal: AbortSignal) => marathon.openEvents(['a', 'b'], signal),
            readSnapshot: async () => 1,
          };
          const take = (item: StreamItem<number>): void => {
            if (kinds.push(item.kind) === 2) stop.abort();
          };
          await runEventStream(deps, TIMING, take, stop.signal);
          assert.deepEqual(kinds, ['snapshot', 'event']);
          assert.equal(leader.seen[0]?.url, '/v2/events?event_type=a&event_type=b');
          assert.equal(leader.seen[0]?.headers.authorization, 'T x');
          assert.equal(leader.seen[0]?.headers.accept, 'text/event-stream');
        },
      ),
  ));
