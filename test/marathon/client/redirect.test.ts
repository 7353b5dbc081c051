import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redirectTarget } from '../../../src/marathon/client/redirect.js';
import { authorizationOf, checkBaseUrls } from '../../../src/marathon/client/settings.js';
import { client, json, never, settings, STARTED, withFake } from './fake-marathon.js';

const MEDIA = '/carna/dc1/media';

for (const status of [301, 302, 307, 308]) {
  test(`${status} sends reads and changes on to the leader, with body and credentials`, () =>
    withFake(
      (seen, response) => json(response, 200, seen.method === 'GET' ? { apps: [] } : STARTED),
      async (leader) =>
        withFake(
          (seen, response) =>
            response.writeHead(status, { location: `${leader.url}${seen.url}` }).end(),
          async (standby) => {
            const credentials = { kind: 'basic', user: 'u', password: 'p' } as const;
            const marathon = client([standby.url], { credentials });
            assert.deepEqual(await marathon.readApps(never), []);
            assert.equal((await marathon.scaleApp(MEDIA, 2, never)).kind, 'started');
            assert.deepEqual(
              leader.seen.map(({ method, body }) => `${method} ${body}`),
              ['GET ', 'PUT {"instances":2}'],
            );
            for (const one of leader.seen) {
              assert.equal(one.headers.authorization, `Basic ${btoa('u:p')}`);
            }
          },
        ),
    ));
}

test('a redirect in circles ends, and a change by it has surely not happened', () =>
  withFake(
    (seen, response) => response.writeHead(302, { location: seen.url }).end(),
    async ({ url, seen }) => {
      await assert.rejects(client([url]).scaleApp(MEDIA, 2, never), {
        code: 'CARNA_MARATHON_ANSWER',
        message: /more than 3 redirects/,
      });
      assert.equal(seen.length, 12);
    },
  ));

test('a login page is not followed', () =>
  withFake(
    (_, response) => response.writeHead(302, { location: '/login?next=x' }).end(),
    async ({ url, seen }) => {
      await assert.rejects(client([url]).readApps(never), {
        code: 'CARNA_MARATHON_ANSWER',
        message: /another path/,
      });
      assert.ok(seen.every((one) => one.url === '/v2/apps'));
    },
  ));

test('a redirect keeps to TLS and to the path, with or without the prefix of the base', () => {
  const from = new URL('https://m1/marathon/v2/apps?x=1');
  const request = { method: 'GET', path: '/v2/apps?x=1' } as const;
  const to = (location?: string): string => redirectTarget('x', from, request, location).href;
  assert.equal(to('https://m2/v2/apps?x=1'), 'https://m2/v2/apps?x=1');
  assert.equal(to('https://m2:8443/marathon/v2/apps?x=1'), 'https://m2:8443/marathon/v2/apps?x=1');
  assert.equal(to('https://u:p@m2/v2/apps?x=1'), 'https://m2/v2/apps?x=1');
  assert.throws(() => to('http://m2/v2/apps?x=1'), /from https to http:\/\/m2/);
  assert.throws(() => to('https://m2/v2/apps'), /another path/);
  assert.throws(() => to('ftp://m2/v2/apps?x=1'), /not HTTP/);
  assert.throws(() => to(undefined), /not to a URL/);
});

test('settings that cannot be used are refused without showing a credential', () => {
  for (const url of ['nonsense', 'ftp://m', 'http://u:xyzzy@m', 'http://m?token=xyzzy']) {
    assert.throws(
      () => checkBaseUrls(settings([url])),
      (err: Error) => /^Marathon's URL 1: /.test(err.message) && !err.message.includes('xyzzy'),
    );
  }
  assert.throws(() => checkBaseUrls(settings([])), /found 0/);
  const badToken = { kind: 'token', authorization: 'xyzzy\r\nx: y' } as const;
  assert.throws(
    () => authorizationOf(badToken),
    (err: Error) => !err.message.includes('xyzzy'),
  );
  const badUser = { kind: 'basic', user: 'a:b', password: 'xyzzy' } as const;
  assert.throws(() => authorizationOf(badUser), /colon/);
});

test('the address that answered is asked first the next time', () =>
  withFake(
    (_, response) => response.writeHead(503).end(),
    async (away) =>
      withFake(
        (_, response) => json(response, 200, { apps: [] }),
        async (alive) => {
          const marathon = client([away.url, `${alive.url}/service/marathon/`]);
          await marathon.readApps(never);
          await marathon.readApps(never);
          assert.equal(away.seen.length, 1);
          assert.deepEqual(
            alive.seen.map((one) => one.url),
            ['/service/marathon/v2/apps', '/service/marathon/v2/apps'],
          );
        },
      ),
  ));
