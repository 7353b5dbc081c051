import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { client, json, never, STARTED, withFake } from '../../marathon/client/fake-marathon.js';
import { testDir } from '../../support/resources.js';

const run = promisify(execFile);
const MEDIA = '/carna/dc1/media';

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate for 127.0.0.1 that signs itself. */
async function selfSigned(): Promise<Pair> {
  const dir = testDir('marathon-tls');
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=marathon'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

test('TLS is checked against the CA that was given, before anything is sent', async () => {
  const pair = await selfSigned();
  const seen: string[] = [];
  const server = createServer(pair, (request, response) => {
    seen.push(`${request.method} ${request.headers.authorization}`);
    request.resume();
    if (request.url === '/v2/info') {
      response.writeHead(302, { location: 'http://127.0.0.1:1/v2/info' }).end();
    } else json(response, 200, request.method === 'GET' ? { apps: [] } : STARTED);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { kind: 'token', authorization: 'token=xyzzy' } as const;
    const stranger = client([url], { credentials });
    for (const ask of [stranger.readApps(never), stranger.scaleApp(MEDIA, 2, never)]) {
      await assert.rejects(ask, { code: 'CARNA_MARATHON_UNAVAILABLE', message: /self-signed/ });
    }
    assert.deepEqual(seen, []);
    const friend = client([url], { credentials, caPem: pair.cert });
    assert.deepEqual(await friend.readApps(never), []);
    assert.equal((await friend.scaleApp(MEDIA, 2, never)).kind, 'started');
    assert.deepEqual(seen, ['GET token=xyzzy', 'PUT token=xyzzy']);
    await assert.rejects(friend.readInfo(never), {
      code: 'CARNA_MARATHON_ANSWER',
      message: /from https to http/,
    });
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
});

test('TLS to a server without it ends before a change is sent', () =>
  withFake(
    (_, response) => json(response, 200, STARTED),
    async ({ url, seen }) => {
      const marathon = client([url.replace('http:', 'https:')]);
      await assert.rejects(marathon.scaleApp(MEDIA, 2, never), {
        code: 'CARNA_MARATHON_UNAVAILABLE',
      });
      assert.equal(seen.length, 0);
    },
  ));
