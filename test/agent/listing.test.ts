import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Listing, rolesListing } from '../../src/agent/listing.js';
import type { LifecycleState } from '../../src/topology/lifecycle.js';
import type { AppliedRecord } from '../../src/topology/node.js';
import { MAX_TRACES, MAX_UNLISTED } from '../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { AgentBench } from './support/agent-bench.js';
import { busy, progress } from './support/drain-bench.js';
import { flush } from './support/fake-time.js';
import { FakeView } from './support/fakes.js';

/** A node in some state, its last change being trace-01. */
class Scene {
  readonly view = new FakeView();
  readonly status = { state: 'up' as LifecycleState, traceId: 'trace-01', publishedAtMs: 50_000 };
  nowMs = 50_000;
  isWritten = true;
  readonly listing = new Listing({
    view: this.view,
    status: this.status,
    consumers: ['dispatcher'],
    keys: ['30 sip:m1:5060'],
    wallMs: () => this.nowMs,
    publication: { settled: () => Promise.resolve(this.isWritten) },
  });
}

test('whose Kamailios send calls to a role', () => {
  assert.deepEqual(rolesListing(DEFAULT_WIRING, 'media'), ['dispatcher']);
  assert.deepEqual(rolesListing(DEFAULT_WIRING, 'dispatcher'), ['load-balancer']);
  assert.deepEqual(rolesListing(DEFAULT_WIRING, 'load-balancer'), []);
});

test('a change is proven when it stands in the table and all living consumers are as new', () => {
  const { view, listing } = new Scene();
  const check = (expected: boolean): void => assert.equal(listing.isProven, expected);
  check(false);
  view.setGeneration(7, {}, ['trace-00']);
  check(false);
  view.acknowledge('d1', 'dispatcher', 7);
  view.setGeneration(8, {}, ['trace-01']);
  check(false);
  view.acknowledge('lb', 'load-balancer', 1);
  view.acknowledge('d1', 'dispatcher', 8);
  check(true);
  const lonely = new Scene();
  lonely.view.setGeneration(8, {}, ['trace-01']);
  assert.equal(lonely.listing.isProven, true, 'no Kamailio runs that could list it');
});

test('of a node that is up a list is a proof only when it holds the node itself', () => {
  const check = (
    expected: boolean,
    more: Pick<Partial<AppliedRecord>, 'drift' | 'unlisted'>,
  ): void => {
    for (const state of ['up', 'draining'] as const) {
      const { view, status, listing } = new Scene();
      status.state = state;
      view.setGeneration(8, {}, ['trace-01']);
      view.acknowledge('d1', 'dispatcher', 8, more);
      assert.equal(listing.isProven, state === 'draining' || expected, 'a drain needs no reload');
    }
  };
  check(true, { drift: null });
  check(false, { drift: 'sip:m1:5060 is missing' });
  check(false, { drift: 'sip:m1:5060 is missing', unlisted: ['30 sip:m0:5060', '30 sip:m1:5060'] });
  check(true, { drift: 'sip:bad:5060 is missing', unlisted: ['30 sip:bad:5060'] });
  check(true, { drift: 'sip:z:5060 has no row in set 30', unlisted: [] });
  const many = Array.from({ length: MAX_UNLISTED }, (_, at) => `30 sip:n${at}:5060`);
  check(false, { drift: 'much is missing', unlisted: many });
});

test('nothing counts before the acknowledgements were read since they are followed', () => {
  const { view, listing } = new Scene();
  view.isRead = false;
  view.setGeneration(8, {}, ['trace-01']);
  assert.equal(listing.isProven, false, 'that none is known does not mean that none is behind');
  view.acknowledge('d1', 'dispatcher', 7);
  view.isRead = true;
  assert.equal(listing.isProven, false);
  view.acknowledge('d1', 'dispatcher', 8);
  assert.equal(listing.isProven, true);
});

test('acknowledgements are followed from the commit of a change to its proof, no longer', () => {
  const { view, status, listing } = new Scene();
  let proofs = 0;
  const unfollow = listing.follow(() => (proofs += 1));
  const check = (isWatching: boolean, expected: number): void =>
    assert.deepEqual([view.isWatching, proofs], [isWatching, expected]);
  view.acknowledge('d1', 'dispatcher', 7);
  view.setGeneration(7);
  check(false, 0);
  view.setGeneration(8, {}, ['trace-01']);
  check(true, 0);
  view.setGeneration(200);
  check(true, 0); // Its trace was pushed out before the proof.
  view.acknowledge('d1', 'dispatcher', 8);
  check(false, 1);
  view.setGeneration(201, {}, ['trace-01']);
  check(false, 1);
  status.traceId = 'trace-02';
  status.state = 'down';
  view.setGeneration(202, {}, ['trace-02']);
  check(false, 1);
  status.traceId = 'trace-03';
  status.state = 'draining';
  view.setGeneration(203, {}, ['trace-03']);
  check(true, 1);
  listing.giveUp();
  view.changed();
  check(false, 1);
  status.traceId = 'trace-04';
  view.setGeneration(204, {}, ['trace-04']);
  check(true, 1);
  unfollow();
  check(false, 1);
});

const OTHERS = Array.from({ length: MAX_TRACES }, (_, at) => `other-${at}`);

test('a change of a commit with more changes than a record names is proven all the same, after a while', async () => {
  const check = async (
    expected: boolean,
    traces: readonly string[],
    committedAtMs: number,
  ): Promise<void> => {
    const scene = new Scene();
    const { view, listing } = scene;
    view.setGeneration(8, {}, traces);
    if (view.record !== null) view.record = { ...view.record, committedAtMs };
    view.acknowledge('d1', 'dispatcher', 7);
    scene.nowMs += 9_999;
    assert.equal(listing.isProven, false, 'its trace may come yet');
    scene.nowMs += 1;
    assert.equal(listing.isProven, false, 'd1 is behind');
    await flush();
    assert.equal(listing.isProven, false, 'd1 is still behind');
    view.acknowledge('d1', 'dispatcher', 8);
    assert.equal(listing.isProven, expected);
  };
  await check(true, OTHERS, 50_001);
  await check(false, OTHERS, 49_999);
  await check(false, OTHERS.slice(1), 50_001);
});

test('a change that no record can have cut, or that was never written, is not taken for committed', async () => {
  const check = async (expected: boolean, oldest: number, isWritten: boolean): Promise<void> => {
    const scene = new Scene();
    const { view, listing, status } = scene;
    scene.isWritten = isWritten;
    view.setGeneration(7);
    assert.equal(listing.isProven, false);
    Object.assign(status, { traceId: 'trace-02', publishedAtMs: 50_000 });
    assert.equal(listing.isProven, false);
    view.setGeneration(8, {}, OTHERS);
    if (view.record === null) assert.fail();
    const [, ...newer] = view.record.traces;
    const traces = [{ id: 'other-0', generation: oldest }, ...newer];
    view.record = { ...view.record, traces, committedAtMs: 50_001 };
    view.acknowledge('d1', 'dispatcher', 8);
    scene.nowMs += 10_000;
    assert.equal(listing.isProven, false, 'it asks first whether it was written');
    await flush();
    assert.equal(listing.isProven, expected);
  };
  await check(false, 7, true); // Full as ever: all later changes are named.
  await check(true, 8, true);
  await check(false, 8, false);
});

test('an agent that is up and listed asks nothing of the acknowledgements; a drain does until its own', async () => {
  const bench = await busy();
  assert.equal(bench.view.isWatching, false);
  bench.view.setGeneration(2, {}, [bench.record.trace.id]);
  assert.equal(bench.view.isWatching, true, 'it is committed, not yet listed');
  await bench.listed(2);
  assert.equal(bench.view.isWatching, false, 'nobody had to ask /readyz');
  bench.view.setGeneration(3);
  assert.equal(bench.view.isWatching, false);
  bench.view.want({});
  await bench.time.advance(0);
  assert.equal(bench.record.state, 'draining');
  bench.view.setGeneration(4, {}, [bench.record.trace.id]);
  assert.equal(bench.view.isWatching, true);
  await flush();
  assert.equal(progress(bench)?.step, 'announced');
  bench.view.acknowledge('d1', 'dispatcher', 4);
  await flush();
  assert.deepEqual([bench.view.isWatching, progress(bench)?.step], [false, 'emptying']);
  await bench.stop();
});

test('a drain that waited long enough asks no more, and one that is taken back begins anew', async () => {
  const bench = await busy();
  bench.view.want({});
  await bench.time.advance(0);
  bench.view.setGeneration(2, {}, [bench.record.trace.id]);
  assert.equal(bench.view.isWatching, true);
  await bench.time.advance(10_100);
  assert.deepEqual([bench.view.isWatching, progress(bench)?.step], [false, 'emptying']);
  bench.view.want(null);
  await bench.time.advance(1_000);
  assert.equal(bench.record.state, 'up');
  bench.view.setGeneration(3, {}, [bench.record.trace.id]);
  assert.equal(bench.view.isWatching, true);
  await bench.stop();
});

test('a node that nobody sends calls to asks nothing', async () => {
  const bench = await new AgentBench('load-balancer').up();
  bench.view.watchApplied = () => assert.fail('watched');
  bench.view.setGeneration(2, {}, [bench.record.trace.id]);
  assert.equal(bench.agent.ready().isReady, true);
  await bench.stop();
});
