import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { runForLeader } from '../../../src/registry/leader.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import type { Runner } from './candidate.js';
import { candidate } from './candidate.js';
import type { TestServer } from './lab.js';
import { LENGTH, atEnd, connected, proxyTo, quiet, untilState, zookeeper } from './lab.js';

/** Longer than a resigned leader waits before it leaves the line, shorter than its session lives. */
const AWAY_MS = 3_000;

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

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
