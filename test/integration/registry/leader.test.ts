import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { runForLeader } from '../../../src/registry/leader.js';
import type { Term } from '../../../src/registry/leader.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import type { TestServer } from './lab.js';
import {
  LENGTH,
  atEnd,
  connected,
  proxyTo,
  quiet,
  recordingLog,
  untilState,
  zookeeper,
} from './lab.js';

/** Longer than a resigned leader waits before it leaves the line, shorter than its session lives. */
const AWAY_MS = 3_000;

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

interface Runner {
  readonly name: string;
  readonly session: ZkSession;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  readonly wakes: () => number;
  term: Term | null;
  terms: number;
}

/** A candidate that leads until its term ends. */
async function candidate(name: string, dir: string, address: string): Promise<Runner> {
  const { session } = await connected(address, { zkSessionTimeoutMs: 1_000 });
  const stop = new AbortController();
  const { log, lines } = recordingLog();
  const runner: { term: Term | null; terms: number } = { term: null, terms: 0 };
  const lead = async (term: Term): Promise<void> => {
    runner.term = term;
    runner.terms += 1;
    await new Promise<void>((resolve) => term.signal.addEventListener('abort', () => resolve()));
    runner.term = null;
  };
  const done = runForLeader(session, dir, { candidateId: name, log }, lead, stop.signal);
  done.catch(() => undefined); // A run whose session is closed rejects; the tests await it where it matters.
  atEnd(() => stop.abort());
  const wakes = (): number =>
    lines.filter(({ msg }) => msg === 'woken to look at the line again').length;
  return Object.assign(runner, { name, session, stop, done, wakes });
}

const leading = (runners: readonly Runner[]): Runner[] =>
  runners.filter(({ term }) => term !== null);

describe('elections', { concurrency: true }, () => {
  test('D1 of several candidates one leads, and its end wakes exactly one other', async () => {
    const { session: eye } = await connected(zk.address);
    const runners: Runner[] = [];
    for (let at = 0; at < 5; at++) {
      runners.push(await candidate(`r${at}`, '/d1', zk.address));
      await waitUntil('enrolled', 5_000, async () => {
        return ((await eye.getChildren('/d1'))?.length ?? 0) === at + 1;
      });
    }
    await waitUntil('a leader', 5_000, () => leading(runners).length === 1);
    let next = 5;
    for (let round = 0; round < 10 * LENGTH; round++) {
      const [leader] = leading(runners);
      assert.ok(leader !== undefined);
      await wait(50);
      const wakesBefore = runners.map(({ wakes }) => wakes());
      if (round % 2 === 0) leader.stop.abort();
      else await leader.session.close();
      runners.splice(runners.indexOf(leader), 1);
      wakesBefore.shift();
      await waitUntil('the next leader', 10_000, () => leading(runners).length === 1, 2);
      await leader.done.catch(() => undefined);
      const woken = runners.filter((runner, at) => runner.wakes() !== wakesBefore[at]);
      assert.equal(woken.length, 1, `round ${round}`);
      assert.equal(leading(runners).length, 1);
      runners.push(await candidate(`r${next++}`, '/d1', zk.address));
      await waitUntil('enrolled', 5_000, async () => (await eye.getChildren('/d1'))?.length === 5);
    }
    for (const runner of runners) runner.stop.abort();
    await Promise.all(runners.map(({ done }) => done));
    assert.deepEqual(await eye.getChildren('/d1'), []);
  });

  test('D1 a lost answer to the enrolment leaves no second candidate', async () => {
    const proxy = await proxyTo(zk);
    const { session: eye } = await connected(zk.address);
    await eye.ensurePath('/d1-lost');
    for (let round = 0; round < 5 * LENGTH; round++) {
      const { session } = await connected(proxy.address);
      loseAnswerToCreate(proxy);
      const stop = new AbortController();
      let candidates: readonly string[] | null = null;
      const lead = async (): Promise<void> => {
        candidates = await eye.getChildren('/d1-lost');
        stop.abort();
      };
      const options = { candidateId: 'r', log: quiet };
      await runForLeader(session, '/d1-lost', options, lead, stop.signal);
      assert.equal((candidates ?? []).length, 1);
      assert.equal(session.counters.ops.ambiguous, 1);
      assert.deepEqual(await eye.getChildren('/d1-lost'), []);
      await session.close();
    }
  });

  test('D1 a candidate that somebody deleted resigns', async () => {
    const { session: eye } = await connected(zk.address);
    const runner = await candidate('r', '/d1-deleted', zk.address);
    await waitUntil('a leader', 5_000, () => runner.term !== null);
    const signal = runner.term?.signal;
    const [name] = (await eye.getChildren('/d1-deleted')) ?? [];
    await eye.remove(`/d1-deleted/${name}`);
    await waitUntil('the end of the term', 5_000, () => signal?.aborted === true);
    await waitUntil('another term', 10_000, () => runner.terms === 2 && runner.term !== null);
    runner.stop.abort();
    await runner.done;
  });

  test('D1 a candidate that could not be removed does not stand in the way of later ones', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address, { zkSessionTimeoutMs: 8_000 });
    const stop = new AbortController();
    atEnd(() => stop.abort());
    const { zkSessionId } = session;
    let terms = 0;
    const lead = async (): Promise<void> => {
      terms += 1;
      if (terms > 1) return;
      // Resigns without a connection: its znode stays, and its session lives on.
      proxy.refuse();
      proxy.cut();
      await untilState(session, 'suspended');
      void wait(AWAY_MS).then(() => proxy.heal());
    };
    const options = { candidateId: 'r', log: quiet };
    const done = runForLeader(session, '/d1-leftover', options, lead, stop.signal);
    await waitUntil('another term', 30_000, () => terms > 1);
    assert.equal(session.zkSessionId, zkSessionId);
    stop.abort();
    await done;
    assert.deepEqual(await session.getChildren('/d1-leftover'), []);
  });

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

  test('an error of the leading work ends the run and frees the place', async () => {
    const { session } = await connected(zk.address);
    const bug = new Error('a bug of the leader');
    const lead = (): Promise<void> => Promise.reject(bug);
    const options = { candidateId: 'r', log: quiet };
    const run = runForLeader(session, '/d-error', options, lead, new AbortController().signal);
    await assert.rejects(run, bug);
    assert.deepEqual(await session.getChildren('/d-error'), []);
  });
});

/** Lets the next create reach the server, and loses its answer with the connection. */
function loseAnswerToCreate(proxy: FaultProxy): void {
  proxy.onClientBytes = (bytes) => {
    if (bytes.length < 12 || bytes.readInt32BE(8) !== 1) return undefined;
    proxy.onClientBytes = null;
    proxy.onServerBytes = () => {
      proxy.onServerBytes = null;
      setImmediate(() => proxy.cut());
      return null;
    };
    return undefined;
  };
}
