import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { TreeView } from '../../../src/registry/tree-view.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import type { TestServer } from './lab.js';
import { LENGTH, atEnd, connected, proxyTo, quiet, untilState, zookeeper } from './lab.js';
import { openView, shown } from './open-view.js';

let zk: TestServer;
let writer: ZkSession;
before(async () => {
  zk = await zookeeper(500);
  ({ session: writer } = await connected(zk.address));
});

describe('views', { concurrency: true }, () => {
  test('C3 an outage leaves the view as it was, marked stale with its age', async () => {
    const proxy = await proxyTo(zk);
    const { session, states } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    await writer.create('/c3', null);
    for (let at = 0; at < 50; at++) await writer.create(`/c3/${at}`, null);
    const view = openView(session, '/c3');
    await view.whenFresh(5_000);
    let smallest = Number.POSITIVE_INFINITY;
    view.subscribe(() => (smallest = Math.min(smallest, view.snapshot().entries.size)));
    const beforeMs = Date.now();
    await proxy.down();
    await waitUntil('lost', 15_000, () => states.includes('lost'));
    await wait(1_000 * LENGTH);
    const stale = view.snapshot();
    assert.equal(stale.isFresh, false);
    assert.equal(stale.entries.size, 51);
    assert.ok((stale.staleSinceMs ?? 0) >= beforeMs - 5);
    await writer.remove('/c3/0');
    // The connection is lost again and again in the middle of the full read: nothing half may show.
    for (let round = 0; round < 5; round++) {
      proxy.cutServerBytesAt(500 + 600 * round);
      await proxy.up();
      await wait(300);
    }
    proxy.onServerBytes = null;
    await view.whenFresh(15_000);
    assert.equal(view.snapshot().entries.size, 50);
    assert.equal(view.snapshot().staleSinceMs, null);
    assert.equal(smallest, 50);
  });

  test('C4 a tree that somebody wiped under a living connection is stale until it was read anew', async () => {
    const { session, states } = await connected(zk.address);
    for (const path of ['/c4', '/c4/nodes', '/c4/nodes/a', '/c4/will'])
      await writer.create(path, null);
    const view = TreeView.open(session, '/c4', { log: quiet, landmarks: ['', 'nodes'] });
    atEnd(() => view.close());
    await view.whenFresh(5_000);
    const seen: boolean[] = [];
    view.subscribe(() => {
      const { isFresh } = view.snapshot();
      if (seen.at(-1) !== isFresh) seen.push(isFresh);
    });
    await writer.remove('/c4/will');
    await writer.remove('/c4/nodes/a');
    await waitUntil('both gone', 5_000, () => view.snapshot().entries.size === 2);
    assert.equal(view.wipes, 0, 'no landmark is gone');
    await writer.remove('/c4/nodes');
    await waitUntil('the first wipe', 5_000, () => view.wipes === 1 && view.snapshot().isFresh);
    assert.deepEqual(seen, [true, false, true]);
    await writer.create('/c4/nodes', null);
    await writer.create('/c4/nodes/a', null);
    await waitUntil('made again', 5_000, () => view.wipes === 2 && view.snapshot().isFresh);
    await waitUntil('its child', 5_000, () => view.snapshot().entries.has('nodes/a'));
    assert.deepEqual(seen, [true, false, true, false, true]);
    assert.deepEqual(states, ['connected']);
  });

  test('C3 a cut is told although the view is fresh again within the gap between two deliveries', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    await writer.create('/c3-gap', null);
    const view = openView(session, '/c3-gap');
    await view.whenFresh(5_000);
    let breaks = 0;
    view.subscribe(() => {
      if (!view.snapshot().isFresh) breaks += 1;
    });
    for (let round = 1; round <= 10; round++) {
      // A delivery just before the cut, so that the next one would wait for the gap.
      await writer.setData('/c3-gap', Buffer.from(String(round)));
      await waitUntil('the change', 5_000, () => shown(view).get('') === String(round), 1);
      proxy.cut();
      await waitUntil('the break is told', 5_000, () => breaks >= round, 1);
      await view.whenFresh(5_000);
    }
    assert.equal(breaks, 10);
  });

  test('C6 a znode that cannot be read keeps its former value, and the others do not wait', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    await writer.create('/c6', null);
    await writer.create('/c6/a', Buffer.from('1'));
    await writer.create('/c6/b', Buffer.from('1'));
    const view = openView(session, '/c6');
    await view.whenFresh(5_000);
    refuseReadsOf(proxy, '/c6/a');
    await writer.setData('/c6/a', Buffer.from('2'));
    await writer.setData('/c6/b', Buffer.from('2'));
    await waitUntil('the other', 5_000, () => shown(view).get('b') === '2');
    await waitUntil('the fault', 5_000, () => view.snapshot().unreadable.get('a') === 'NO_AUTH');
    assert.equal(shown(view).get('a'), '1');
    proxy.cut();
    await untilState(session, 'suspended');
    await view.whenFresh(5_000);
    await waitUntil('fresh', 5_000, () => view.snapshot().isFresh);
    assert.equal(shown(view).get('a'), '1');
    proxy.onServerBytes = null;
    proxy.onClientBytes = null;
    await waitUntil('its value', 5_000, () => shown(view).get('a') === '2');
    assert.equal(view.snapshot().unreadable.size, 0);
  });
});

/** Turns the answers to reads of one znode into NO_AUTH, as if its access list had changed. */
function refuseReadsOf(proxy: FaultProxy, path: string): void {
  const refused = new Set<number>();
  proxy.onClientBytes = (bytes) => {
    for (let at = 0; at + 12 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
      const frame = bytes.subarray(at, at + 4 + bytes.readInt32BE(at));
      const isRead = frame.length > 12 && frame.readInt32BE(8) === 4;
      if (isRead && frame.includes(path)) refused.add(frame.readInt32BE(4));
    }
    return undefined;
  };
  proxy.onServerBytes = (bytes) => {
    const frames: Buffer[] = [];
    for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
      const frame = bytes.subarray(at, at + 4 + bytes.readInt32BE(at));
      if (frame.length > 20 && refused.delete(frame.readInt32BE(4))) {
        const answer = Buffer.from(frame.subarray(0, 20));
        answer.writeInt32BE(16, 0);
        answer.writeInt32BE(-102, 16);
        frames.push(answer);
      } else {
        frames.push(frame);
      }
    }
    return Buffer.concat(frames);
  };
}
