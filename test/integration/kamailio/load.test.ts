import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import type { CallOptions } from '../../../src/lab/calls/calls.js';
import { startCalls } from '../../../src/lab/calls/calls.js';
import type { CallProgress } from '../../../src/lab/calls/report.js';
import { pddMs } from '../../../src/lab/calls/report.js';
import { identityOf } from '../../../src/lab/parts/daemon.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { MediaUas } from './media-uas.js';
import { startMediaUas } from './media-uas.js';
import type { Database, Platform } from './platform.js';
import { startDatabase, startPlatform } from './platform.js';

const NET = loopbackNet();
const CALLER = `${NET}.1`;
const LOAD_BALANCER = `${NET}.2`;
const DISPATCHERS = [`${NET}.3`, `${NET}.4`];
const FR_TIMER_MS = 1_000;
/** Two busy cores: far more than a healthy call takes, far less than a second fr_timer. */
const MARGIN_MS = 700;

let database: Database;
let platform: Platform | null = null;
let media: MediaUas[] = [];

before(async () => {
  database = await startDatabase();
});
after(async () => database.stop());
afterEach(async () => {
  await platform?.stop();
  platform = null;
  for (const uas of media) await uas.kill();
  media = [];
});

async function start(name: string, weights: readonly number[] = []): Promise<Platform> {
  for (const index of [10, 11, 12]) media.push(await startMediaUas(`${NET}.${index}`));
  platform = await startPlatform({
    database,
    name,
    loadBalancer: LOAD_BALANCER,
    dispatchers: DISPATCHERS,
    media: media.map((uas) => uas.host),
    mediaAttrs: weights.map((weight) => `weight=${weight};rweight=${weight}`),
  });
  return platform;
}

function load(options: Pick<CallOptions, 'amount' | 'callMs'> & Partial<CallOptions>): CallOptions {
  const target = { host: LOAD_BALANCER, port: 5060 };
  return {
    target,
    localHost: CALLER,
    rate: 50,
    runDir: testDir('calls'),
    env: process.env,
    ...options,
  };
}

test('200 calls at 50 a second over two dispatchers and three media nodes all complete', async () => {
  const { dispatchers } = await start('all');
  const seen: CallProgress[] = [];
  const report = await startCalls(
    load({
      amount: { calls: 200 },
      callMs: { min: 100, max: 400 },
      onProgress: (p) => seen.push(p),
    }),
  ).result;
  assert.deepEqual(report.failed, []);
  assert.equal(report.completed, 200);
  assert.deepEqual(
    report.nodes.map((n) => n.node),
    media.map((uas) => `${uas.host}:5060`),
  );
  // Each dispatcher goes round robin by itself: the shares differ by one call for each at most.
  for (const { answered } of report.nodes)
    assert.ok(Math.abs(answered - 200 / 3) <= 2, `${answered}`);
  const routed = dispatchers.map(
    (d) => readFileSync(d.logFile, 'utf8').match(/ routed INVITE /g)?.length ?? 0,
  );
  assert.equal(
    routed.reduce((a, b) => a + b, 0),
    200,
  );
  for (const count of routed)
    assert.ok(count >= 50, `the hash spreads the calls: ${routed.join()}`);
  assert.ok(
    seen.some((p) => p.sent > 0 && p.sent < 200 && p.current > 0),
    'progress while it runs',
  );
  assert.deepEqual(seen.at(-1), { sent: 200, current: 0, completed: 200, failed: 0 });
});

async function shares(calls: number): Promise<readonly number[]> {
  const report = await startCalls(load({ amount: { calls }, callMs: { min: 20, max: 50 } })).result;
  assert.deepEqual([report.sent, report.failed], [calls, []]);
  return media.map((uas) => report.nodes.find((n) => n.node === `${uas.host}:5060`)?.answered ?? 0);
}

test('media nodes of one weight get even shares', async () => {
  await start('even', [100, 100, 100]);
  // Each dispatcher goes in turn by itself.
  for (const answered of await shares(300)) assert.ok(Math.abs(answered - 100) <= 2, `${answered}`);
});

test('a media node gets calls by its weight, and a light one still some', async () => {
  await start('weighted', [100, 50, 10]);
  const [heavy = 0, half = 0, light = 0] = await shares(320);
  // By lot: 200, 100 and 20 on average; four standard deviations either way.
  assert.ok(heavy >= 164 && heavy <= 236, `${heavy}`);
  assert.ok(half >= 66 && half <= 134, `${half}`);
  assert.ok(light >= 3 && light <= 38, `${light}`);
});

test('a weighted choice skips who is dead and goes on to the next', async () => {
  const { dispatchers } = await start('weighteddead', [100, 30, 30]);
  const [victim] = media;
  assert.ok(victim);
  await victim.kill();
  const [gone, ...left] = await shares(60);
  assert.equal(gone, 0);
  assert.equal(left[0] !== undefined && left[1] !== undefined && left[0] + left[1], 60);
  assert.equal(dispatchers.length, 2);
});

test('kill -9 of a media node under load loses its own calls only and costs others one fr_timer', async () => {
  await start('kill');
  const [victim] = media;
  assert.ok(victim);
  const node = `${victim.host}:5060`;
  let progress: CallProgress | null = null;
  const run = startCalls(
    load({
      amount: { calls: 250 },
      callMs: { min: 300, max: 600 },
      onProgress: (p) => (progress = p),
    }),
  );
  await waitUntil('calls are up', 10_000, () => (progress?.sent ?? 0) >= 60);
  await victim.kill();
  const killedAtMs = Date.now();
  const report = await run.result;
  assert.equal(report.sent, 250);
  assert.ok(report.lost > 0, 'the killed node had calls');
  assert.deepEqual(
    report.failed.filter((call) => call.node !== node),
    [],
  );
  for (const call of report.calls) {
    if (call.node === node) assert.ok(call.sentAtMs <= killedAtMs + MARGIN_MS);
    const delay = pddMs(call);
    assert.ok(delay !== null && delay <= FR_TIMER_MS + MARGIN_MS, `${call.callId}: ${delay} ms`);
  }
});

test('a run that is stopped ends its calls in order and leaves no process', async () => {
  await start('stop');
  const stop = new AbortController();
  const run = startCalls(
    load({
      amount: { seconds: 60 },
      callMs: 500,
      signal: stop.signal,
      onProgress: (p) => {
        if (p.current > 5) stop.abort();
      },
    }),
  );
  const report = await run.result;
  assert.ok(report.sent > 5 && report.sent < 1_000, `${report.sent}`);
  assert.equal(report.completed, report.sent, JSON.stringify(report.failed));
  assert.equal(run.pid === null ? null : identityOf(run.pid), null);
});

test('nobody at the target: every call is counted as unanswered, and the run ends', async () => {
  const report = await startCalls(
    load({ amount: { calls: 5 }, callMs: 100, answerTimeoutMs: 700, byeTimeoutMs: 200 }),
  ).result;
  assert.equal(report.unanswered, 5, JSON.stringify(report));
  assert.equal(report.pdd, null);
  assert.deepEqual(report.nodes, []);
});

test('no media node in service: every call is refused with 503', async () => {
  platform = await startPlatform({
    database,
    name: 'empty',
    loadBalancer: LOAD_BALANCER,
    dispatchers: DISPATCHERS,
    media: [],
  });
  const report = await startCalls(load({ amount: { calls: 10 }, callMs: 100 })).result;
  assert.equal(report.refused, 10);
  assert.deepEqual([...new Set(report.failed.map((call) => call.why))], ['answered 503']);
});
