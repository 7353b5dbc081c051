import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { CarnaError } from '../../../src/util/errors.js';
import { freePort } from '../../support/resources.js';
import type { Seen } from './fake-marathon.js';
import { app, client, json, never, STARTED, taskId, withFake } from './fake-marathon.js';

const MEDIA = '/carna/dc1/media';
const SECRET = 'xyzzy-secret';

/** One way in which what stands at Marathon's address misbehaves. */
interface Fault {
  readonly name: string;
  readonly answer: (response: ServerResponse, seen: Seen) => void;
  /** The error code of a read. */
  readonly read: string;
  readonly words: RegExp;
}

const html = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { 'content-type': 'text/html' });
  response.end('<html>Welcome</html>');
};

const FAULTS: readonly Fault[] = [
  {
    name: 'HTML',
    answer: (r) => html(r, 200),
    read: 'CARNA_MARATHON_ANSWER',
    words: /expected JSON, found text\/html/,
  },
  {
    name: 'an empty body',
    answer: (r) => r.end(),
    read: 'CARNA_MARATHON_ANSWER',
    words: /found an empty body/,
  },
  {
    name: 'half a JSON',
    answer: (r) => r.end('{"app": {"id": "/carna'),
    read: 'CARNA_MARATHON_ANSWER',
    words: /expected JSON/,
  },
  {
    name: 'a body that breaks off',
    answer: (r) => {
      r.writeHead(200, { 'content-length': '1000' });
      r.write('{"app":', () => r.destroy());
    },
    read: 'CARNA_MARATHON_ANSWER',
    words: /half an answer/,
  },
  {
    name: 'a body that is too large',
    answer: (r) => r.end(JSON.stringify({ app: 'x'.repeat(5_000) })),
    read: 'CARNA_MARATHON_ANSWER',
    words: /more than 4000 bytes/,
  },
  { name: 'no head', answer: () => undefined, read: 'CARNA_DEADLINE', words: /no answer/ },
  {
    name: 'a body without end',
    answer: (r) => r.write('{"app":'),
    read: 'CARNA_DEADLINE',
    words: /did not end/,
  },
  {
    name: 'a closed connection',
    answer: (r) => r.destroy(),
    read: 'CARNA_MARATHON_UNAVAILABLE',
    words: /hang up|ECONNRESET/,
  },
  {
    name: '503',
    answer: (r) => html(r, 503),
    read: 'CARNA_MARATHON_UNAVAILABLE',
    words: /answered 503/,
  },
  {
    name: 'the 429 of a proxy',
    answer: (r) => html(r, 429),
    read: 'CARNA_MARATHON_ANSWER',
    words: /a 429 that is not Marathon's/,
  },
  {
    name: 'a 408 in JSON',
    answer: (r) => json(r, 408, { message: 'Request Timeout' }),
    read: 'CARNA_MARATHON_ANSWER',
    words: /a 408 that is not Marathon's/,
  },
  {
    name: 'a 401 without a word',
    answer: (r) => html(r, 401),
    read: 'CARNA_MARATHON_REFUSED',
    words: /401: no reason given/,
  },
  {
    name: 'JSON of another shape',
    answer: (r) => json(r, 200, { app: { id: MEDIA, instances: 'three' } }),
    read: 'CARNA_INVALID_INPUT',
    words: /app\.instances: /,
  },
  {
    name: 'an echo of our credentials',
    answer: (r, seen) => json(r, 401, { message: `who is ${seen.headers.authorization ?? ''}?` }),
    read: 'CARNA_MARATHON_REFUSED',
    words: /401: who is \[hidden\]\?/,
  },
];

const SLOW = { tryTimeoutMs: 150, callTimeoutMs: 400 };

/** A short deadline only where it is waited for: a busy machine is no fault. */
const limits = (fault: Fault): object => ({
  maxAnswerBytes: 4_000,
  credentials: { kind: 'token', authorization: `token=${SECRET}` },
  ...(fault.read === 'CARNA_DEADLINE' ? SLOW : {}),
});

async function errorOf(work: Promise<unknown>): Promise<CarnaError> {
  const err: unknown = await work.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  assert.ok(err instanceof CarnaError, String(err));
  assert.doesNotMatch(`${err.message} ${String(err.cause)} ${JSON.stringify(err)}`, /xyzzy/);
  return err;
}

for (const fault of FAULTS) {
  test(`a read that gets ${fault.name} ends in a named error`, () =>
    withFake(
      (seen, response) => fault.answer(response, seen),
      async ({ url }) => {
        const err = await errorOf(client([url], limits(fault)).readApp(MEDIA, never));
        assert.equal(err.code, fault.read);
        assert.match(err.message, fault.words);
      },
    ));

  test(`a change that gets ${fault.name} is sent once and its outcome is not guessed`, () =>
    withFake(
      (seen, response) => fault.answer(response, seen),
      async ({ url, seen }) => {
        const bases = [url, `${url}/again`];
        const err = await errorOf(client(bases, limits(fault)).scaleApp(MEDIA, 3, never));
        const isRefused = fault.read === 'CARNA_MARATHON_REFUSED';
        assert.equal(err.code, isRefused ? fault.read : 'CARNA_MARATHON_AMBIGUOUS');
        assert.equal(seen.length, 1);
      },
    ));
}

test('where nothing listens the error says so, and a change has surely not happened', async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  const read = await errorOf(client([dead]).readApps(never));
  assert.equal(read.code, 'CARNA_MARATHON_UNAVAILABLE');
  assert.match(read.message, /ECONNREFUSED/);
  const change = await errorOf(client([dead]).scaleApp(MEDIA, 3, never));
  assert.equal(change.code, 'CARNA_MARATHON_UNAVAILABLE');
});

test('reads and changes go to the next address when one is dead', async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  await withFake(
    (seen, response) => json(response, 200, seen.method === 'GET' ? { apps: [] } : STARTED),
    async ({ url, seen }) => {
      const marathon = client([dead, url]);
      assert.deepEqual(await marathon.readApps(never), []);
      assert.equal((await marathon.scaleApp(MEDIA, 3, never)).kind, 'started');
      assert.equal(seen.length, 2);
    },
  );
});

test('a read is repeated when the first answers are broken', async () => {
  let asked = 0;
  await withFake(
    (_, response) => (++asked < 3 ? html(response, 200) : json(response, 200, { apps: [] })),
    async ({ url }) => assert.deepEqual(await client([url]).readApps(never), []),
  );
});

test('a read that a caller stops ends at once', () =>
  withFake(
    () => stop.abort(),
    async ({ url }) => {
      const err = await errorOf(client([url]).readApps(stop.signal));
      assert.match(err.message, /stopped/);
    },
  ));
const stop = new AbortController();

test('a 404 that is not written by Marathon does not pass for an unknown app', () =>
  withFake(
    (seen, response) => {
      if (seen.url.endsWith('/a')) html(response, 404);
      else if (seen.url.endsWith('/b')) json(response, 404, { error: 'no route' });
      else json(response, 404, { message: "App '/c' does not exist" });
    },
    async ({ url }) => {
      const marathon = client([url]);
      assert.equal((await errorOf(marathon.readApp('/a', never))).code, 'CARNA_MARATHON_ANSWER');
      assert.equal((await errorOf(marathon.readApp('/b', never))).code, 'CARNA_MARATHON_ANSWER');
      assert.equal(await marathon.readApp('/c', never), undefined);
    },
  ));

test('a kill whose answer is lost is not repeated', () =>
  withFake(
    (seen, response) => {
      if (seen.method === 'GET') json(response, 200, { app: app(1, [taskId('1')]) });
      else response.destroy();
    },
    async ({ url, seen }) => {
      const err = await errorOf(client([url, url]).killAndScale(MEDIA, [taskId('1')], never));
      assert.equal(err.code, 'CARNA_MARATHON_AMBIGUOUS');
      assert.equal(seen.filter((one) => one.method === 'POST').length, 1);
    },
  ));
