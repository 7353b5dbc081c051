import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { runForLeader } from '../../../src/registry/leader.js';
import type { Term } from '../../../src/registry/leader.js';
import { waitUntil } from '../../../src/util/wait.js';
import { candidate } from './candidate.js';
import type { TestServer } from './lab.js';
import { connected, proxyTo, quiet, zookeeper } from './lab.js';

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

describe('elections', { concurrency: true }, () => {
  test('D2 in doubt the leader may not write; on loss it resigns and another leads', async () => {
    const proxy = await proxyTo(zk);
    const first = await candidate('first', '/d2', proxy.address);
    await waitUntil('a leader', 5_000, () => first.term !== null);
    const second = await candidate('second', '/d2', zk.address);
    const term = first.term;
    assert.ok(term !== null && term.mayWrite());

    proxy.cut();
    await waitUntil('doubt', 5_000, () => !term.mayWrite(), 1);
    assert.equal(term.signal.aborted, false);
    await waitUntil('trust again', 5_000, () => term.mayWrite());
    assert.equal(term.signal.aborted, false);

    let lastWriteMs = 0;
    let blackAtMs = Number.POSITIVE_INFINITY;
    let secondAtMs = 0;
    proxy.blackHole();
    blackAtMs = performance.now();
    await waitUntil(
      'the other leads',
      20_000,
      () => {
        if (term.mayWrite()) lastWriteMs = performance.now();
        if (second.term !== null && secondAtMs === 0) secondAtMs = performance.now();
        return secondAtMs > 0;
      },
      5,
    );
    // No write of the first is begun once the second leads, and the doubt comes before the session's end.
    assert.ok(lastWriteMs > blackAtMs && lastWriteMs < secondAtMs);
    await waitUntil('the first resigned', 10_000, () => term.signal.aborted);
    assert.equal(first.terms, 1);
    proxy.heal();
    first.stop.abort();
    second.stop.abort();
    await Promise.all([first.done, second.done]);
  });

  test('D5 a leader that is told to stop hands over before its own end', async () => {
    const first = await candidate('first', '/d5', zk.address);
    await waitUntil('a leader', 5_000, () => first.term !== null);
    const second = await candidate('second', '/d5', zk.address);
    first.stop.abort();
    await first.done;
    assert.equal(first.session.state, 'connected');
    await waitUntil('the other leads', 5_000, () => second.term !== null, 2);
    second.stop.abort();
    await second.done;
  });

  test('D5 who resigns makes room before its pause', async () => {
    const stop = new AbortController();
    const { session } = await connected(zk.address);
    let resigned = 0;
    const lead = (): Promise<void> => {
      resigned += 1;
      return Promise.resolve();
    };
    // A pause that outlasts this test.
    const options = { candidateId: 'first', log: quiet, random: () => 1_000 };
    const first = runForLeader(session, '/d5-resigned', options, lead, stop.signal);
    await waitUntil('a first term', 5_000, () => resigned === 1);
    const second = await candidate('second', '/d5-resigned', zk.address);
    await waitUntil('the other leads', 10_000, () => second.term !== null);
    assert.equal(resigned, 1);
    stop.abort();
    second.stop.abort();
    await Promise.all([first, second.done]);
  });

  test('D5 who lost its session stands in line again without a pause', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    const stop = new AbortController();
    let terms = 0;
    const lead = async (term: Term): Promise<void> => {
      terms += 1;
      await new Promise<void>((resolve) => term.signal.addEventListener('abort', () => resolve()));
    };
    const options = { candidateId: 'alone', log: quiet, random: () => 1_000 };
    const run = runForLeader(session, '/d5-lost', options, lead, stop.signal);
    await waitUntil('a term', 5_000, () => terms === 1);
    proxy.blackHole();
    await waitUntil('the loss', 15_000, () => session.state === 'lost');
    proxy.heal();
    await waitUntil('another term', 15_000, () => terms === 2);
    stop.abort();
    await run;
  });
});
