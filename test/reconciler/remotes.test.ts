import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RemoteView } from '../../src/reconciler/remotes.js';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import type { Reconciler } from '../../src/reconciler/run-reconciler.js';
import type { LiveNode } from '../../src/topology/desired-rows.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { liveNodes, record } from '../topology/records.js';
import type { Step } from './world.js';
import { SETTLE_MS, World } from './world.js';

/** The registry of dc2, as far as the link lets it be seen. */
class Other implements RemoteView {
  readonly dc = 'dc2';
  fresh = true;
  shown: ReadonlyMap<string, LiveNode> = new Map();
  readonly listeners = new Set<() => void>();

  nodes(): ReadonlyMap<string, LiveNode> {
    return this.shown;
  }

  isFresh(): boolean {
    return this.fresh;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  show(...records: readonly NodeRecord[]): void {
    this.shown = liveNodes(...records);
    for (const listener of this.listeners) listener();
  }

  cut(): void {
    this.fresh = false;
    for (const listener of this.listeners) listener();
  }

  heal(...records: readonly NodeRecord[]): void {
    this.fresh = true;
    this.show(...records);
  }
}

const theirs = (nodeId: string, part: Partial<NodeRecord> = {}): NodeRecord =>
  record(nodeId, {
    dc: 'dc2',
    sip: [{ transport: 'udp', host: `${nodeId}.dc2.test`, port: 5060 }],
    ...part,
    trace: { ...record(nodeId, part).trace, id: `trace-dc2-${nodeId}-${part.state ?? 'up'}` },
  });

function begin(): { readonly world: World; readonly other: Other } {
  const [world, other] = [new World(), new Other()];
  world.remotes = [other];
  world.show(record('a'), record('b'));
  other.show(theirs('a'), theirs('b'));
  return { world, other };
}

async function lead(world: World, steps: readonly Step[], skipMs = 1): Promise<Reconciler> {
  const { term, bell } = world.term(steps, skipMs);
  const reconciler = openReconciler(world.deps(bell));
  await reconciler.lead(term);
  reconciler.close();
  return reconciler;
}

const rows = (world: World, setid: number): string[] =>
  world.table
    .filter((row) => row.setid === setid)
    .map((row) => `${row.description.slice(6)} ${row.flags}`)
    .sort();
const nothing: Step = () => undefined;
const BOTH = ['dc2/a 8', 'dc2/b 8'];
const OURS = ['a 8', 'b 8'];

test('their nodes stand in a set of their own, are told by their zoned names, and the leader says that they are read', async () => {
  const { world, other } = begin();
  const reconciler = await lead(world, [nothing]);
  assert.deepEqual([rows(world, 30), rows(world, 130)], [OURS, BOTH]);
  assert.deepEqual(
    world.commits.flatMap(({ audit }) => audit.map((one) => one.nodeId)),
    ['a', 'b', 'dc2/a', 'dc2/b'],
  );
  assert.deepEqual(
    world.znode?.remotes?.map(({ dc, link }) => `${dc} ${link}`),
    ['dc2 linked'],
  );
  assert.deepEqual(
    reconciler.status().remotes.map(({ link, nodes }) => [link, nodes]),
    [['linked', 2]],
  );
  assert.equal(other.listeners.size, 0, 'it stopped listening');
});

test('while the link is cut nothing of theirs changes, whoever leads; what they said meanwhile is obeyed after it', async () => {
  const { world, other } = begin();
  await lead(world, [nothing]);
  await lead(
    world,
    [
      () => other.cut(),
      () => world.show(record('a', { state: 'down' }), record('b')),
      nothing,
      nothing,
    ],
    60_000,
  );
  assert.deepEqual([rows(world, 30), rows(world, 130)], [['a 4', 'b 8'], BOTH]);
  assert.equal(world.znode?.remotes?.[0]?.link, 'stale');
  // A new process that never saw them.
  other.shown = new Map();
  await lead(world, [nothing, nothing, nothing], 60_000);
  assert.deepEqual(rows(world, 130), BOTH);
  assert.equal(world.znode.remotes[0].link, 'unread');
  await lead(world, [() => other.heal(theirs('a', { state: 'draining' }), theirs('b')), nothing]);
  assert.deepEqual(rows(world, 130), ['dc2/a 4', 'dc2/b 8']);
});

test('nodes that vanished with the heal are asked, and stay while they answer', async () => {
  const { world, other } = begin();
  const asked: string[] = [];
  world.answers = (destination) => {
    asked.push(destination);
    return 'answers';
  };
  const ask = (): void => world.askAgain();
  await lead(world, [() => other.cut(), () => other.heal(), ask, nothing, nothing], 1_000);
  assert.deepEqual(rows(world, 130), BOTH);
  assert.ok(asked.filter((to) => to === 'sip:a.dc2.test:5060').length > 1);
  assert.deepEqual(world.znode?.remotes?.[0]?.witnessed?.counts, { unsupervised: 2 });
  assert.equal(world.znode.witnessed, undefined, 'ours are not among them');
});

test('their goodbye deletes the row, also the last one', async () => {
  const { world, other } = begin();
  await lead(
    world,
    [
      nothing,
      () => other.show(theirs('a', { state: 'down' }), theirs('b', { state: 'down' })),
      () => other.show(),
      nothing,
      nothing,
    ],
    SETTLE_MS,
  );
  assert.deepEqual([rows(world, 30), rows(world, 130)], [OURS, []]);
});

test('a record that speaks for another data centre, or for a role without such a set, gets no row', async () => {
  const { world, other } = begin();
  other.show(theirs('a'), record('c'), theirs('r', { role: 'registrar' }));
  await lead(world, [nothing]);
  assert.deepEqual(rows(world, 130), ['dc2/a 8']);
  assert.equal(world.table.length, 3);
});
