import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createMetrics } from '../../src/http/metrics.js';
import type { HttpSources } from '../../src/http/server.js';
import { buildHttpApp, listenHttp } from '../../src/http/server.js';
import { ServerStartError } from '../../src/util/errors.js';

function sources(isHealthy = true, isReady = true): HttpSources {
  return {
    health: () => ({ isHealthy, state: 'draining' }),
    ready: () => ({ isReady }),
    metrics: () => Promise.resolve('carna_x 1\n'),
  };
}

async function check(url: string, given: HttpSources, code: number, body: RegExp): Promise<void> {
  const app = buildHttpApp(given);
  const reply = await app.inject({ method: 'GET', url });
  assert.equal(reply.statusCode, code);
  assert.match(reply.body, body);
  await app.close();
}

test('healthz follows health', async () => {
  await check('/healthz', sources(), 200, /"isHealthy":true,"state":"draining"/);
  await check('/healthz', sources(false), 503, /"isHealthy":false/);
});

test('readyz follows readiness, apart from health', async () => {
  await check('/readyz', sources(false, true), 200, /"isReady":true/);
  await check('/readyz', sources(true, false), 503, /"isReady":false/);
});

test('metrics are text', () => check('/metrics', sources(), 200, /^carna_x 1\n$/));

test('further routes answer with an object, or with the code of an expected failure', async () => {
  const routes = {
    '/live': () => Promise.resolve({ destinations: [] }),
    '/away': () => Promise.reject(new ServerStartError('not there')),
    '/bug': () => Promise.reject(new TypeError('secret detail')),
  };
  const given = { ...sources(), routes };
  await check('/live', given, 200, /^\{"destinations":\[\]\}$/);
  await check('/away', given, 503, /"code":"CARNA_SERVER_START"/);
  await check('/bug', given, 500, /^\{"error":"internal error"\}$/);
});

test('all else is a JSON 404', () =>
  check('/etc/passwd', sources(), 404, /^\{"error":"not found"/));

test('nothing can be changed over HTTP', async () => {
  const app = buildHttpApp(sources());
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const) {
    const reply = await app.inject({ method, url: '/healthz' });
    assert.equal(reply.statusCode, 404);
  }
  await app.close();
});

test('a fault inside does not tell its text', async () => {
  const app = buildHttpApp({
    ...sources(),
    metrics: () => Promise.reject(new Error('password is x')),
  });
  const reply = await app.inject({ method: 'GET', url: '/metrics' });
  assert.equal(reply.statusCode, 500);
  assert.doesNotMatch(reply.body, /password/);
  await app.close();
});

test('a body beyond the limit is refused', async () => {
  const app = buildHttpApp(sources());
  app.post('/echo', async () => 'taken');
  const payload = JSON.stringify('x'.repeat(20_000));
  const headers = { 'content-type': 'application/json' };
  const reply = await app.inject({ method: 'POST', url: '/echo', payload, headers });
  assert.equal(reply.statusCode, 413);
  await app.close();
});

test('it listens on loopback by default, serves, refuses large headers, and closes twice', async () => {
  const server = await listenHttp(buildHttpApp(sources()), { port: 0 });
  assert.match(server.address, /^127\.0\.0\.1:\d+$/);
  assert.equal((await fetch(`http://${server.address}/healthz`)).status, 200);
  const large = { headers: { 'x-large': 'x'.repeat(10_000) } };
  const reply = await fetch(`http://${server.address}/healthz`, large);
  assert.equal(reply.status, 431);
  await server.close();
  await server.close();
  await assert.rejects(fetch(`http://${server.address}/healthz`));
});

test('a taken port is named', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await assert.rejects(listenHttp(buildHttpApp(sources()), { port }), (err) => {
    assert.ok(err instanceof ServerStartError);
    assert.match(err.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
    return true;
  });
  await new Promise((resolve) => taken.close(resolve));
});

test('counters, gauges and histograms in one text, each name once', async () => {
  const metrics = createMetrics();
  metrics.counter('carna_a_total', 'A.', ['to']).inc({ to: 'up' }, 2);
  metrics.gauge('carna_b', 'B.').set(7);
  metrics.histogram('carna_c_seconds', 'C.', [0.1, 1]).observe(0.5);
  const text = await metrics.text();
  assert.match(text, /^carna_a_total\{to="up"\} 2$/m);
  assert.match(text, /^carna_b 7$/m);
  assert.match(text, /^carna_c_seconds_bucket\{le="1"\} 1$/m);
  assert.throws(() => metrics.gauge('carna_b', 'again'), RangeError);
});
