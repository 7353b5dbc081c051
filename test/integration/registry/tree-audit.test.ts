import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { ZkSession } from '../../../src/registry/session.js';
import { TreeView } from '../../../src/registry/tree-view.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { ZkFrames, isNotice } from '../../support/zk-frames.js';
import type { TestServer } from './lab.js';
import { LENGTH, atEnd, connected, proxyTo, quiet, recordingLog, zookeeper } from './lab.js';

let zk: TestServer;
let writer: ZkSession;
before(async () => {
  zk = await zookeeper(500);
  ({ session: writer } = await connected(zk.address));
});

test('C12 what a lost notice hid is found, counted, logged and healed', async () => {
  const proxy = await proxyTo(zk);
  const { session } = await connected(proxy.address);
  for (const path of ['/audit', '/audit/nodes', '/audit/nodes/changed', '/audit/nodes/removed']) {
    await writer.create(path, Buffer.from('1'));
  }
  const { log, lines } = recordingLog();
  const view = TreeView.open(session, '/audit', { log, auditMs: 200 });
  atEnd(() => view.close());
  await view.whenFresh(5_000);
  await waitUntil('an audit', 10_000, () => view.stats().audits > 0);
  assert.equal(view.stats().auditDifferences, 0);

  const frames = new ZkFrames();
  let lost = 0;
  proxy.onServerBytes = (bytes) => {
    const whole = frames.push(bytes);
    lost += whole.filter(isNotice).length;
    return Buffer.concat(whole.filter((frame) => !isNotice(frame)));
  };
  await writer.setData('/audit/nodes/changed', Buffer.from('2'));
  await writer.remove('/audit/nodes/removed');
  await writer.create('/audit/nodes/new', Buffer.from('1'));
  await waitUntil('the notices are lost', 10_000, () => lost >= 3);
  await waitUntil('the view is healed', 10_000, () => {
    const { entries } = view.snapshot();
    const names = [...entries.keys()].sort().join();
    return (
      names === ',nodes,nodes/changed,nodes/new' &&
      String(entries.get('nodes/changed')?.data) === '2'
    );
  });
  assert.equal(view.stats().auditDifferences, 3);
  const told = lines.filter(({ msg }) => msg.startsWith('the view differed'));
  assert.deepEqual(told.flatMap(({ paths }) => paths as string[]).sort(), [
    'nodes/changed',
    'nodes/new',
    'nodes/removed',
  ]);
  assert.equal(view.snapshot().isFresh, true);
});

test('C12 under changes and cuts an audit finds nothing', async (t) => {
  const proxy = await proxyTo(zk);
  const { session } = await connected(proxy.address);
  await writer.create('/audit-busy', null);
  const view = TreeView.open(session, '/audit-busy', { log: quiet, auditMs: 10 });
  atEnd(() => view.close());
  await view.whenFresh(5_000);
  const rounds = 1_500 * LENGTH;
  for (let at = 0; at < rounds; at++) {
    const path = `/audit-busy/${at % 50}`;
    const dice = at % 7;
    const work =
      dice < 3
        ? writer.create(path, null)
        : dice < 5
          ? writer.setData(path, Buffer.from(String(at)))
          : writer.remove(path);
    await work.catch((err: unknown) => assert.match(String(err), /NO_NODE|NODE_EXISTS/));
    if (at % 300 === 299) proxy.cut();
    if (at % 10 === 0) await wait(1);
  }
  await view.whenFresh(10_000);
  const before = view.stats().audits;
  await waitUntil('one more', 10_000, () => view.stats().audits > before + 1);
  const { audits, auditDifferences } = view.stats();
  t.diagnostic(`${audits} audits during ${rounds} changes, ${auditDifferences} differences`);
  assert.equal(auditDifferences, 0);
});
