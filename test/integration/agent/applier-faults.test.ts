import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setHash } from '../../../src/topology/set-hash.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import { ApplierRig, LIMIT_MS } from './applier-rig.js';

/** Each fault of the chain from table to live list, on a real Kamailio and a real PostgreSQL. */

let rig: ApplierRig;
/** Reloads for a row that Kamailio refuses come after 1, 2, 4, 8 … seconds. */
const MAX_ATTEMPTS = 5;

before(async () => {
  rig = await ApplierRig.open(loopbackNet(), 'applier-faults');
  await rig.database.writeRows([rig.row('a'), rig.row('b')]);
  await rig.start();
});

after(async () => rig.close());

/** So many more looks were taken. */
async function looks(count: number): Promise<void> {
  const read = rig.rpc.readDispatcherList.bind(rig.rpc);
  let seen = 0;
  rig.rpc.readDispatcherList = () => {
    seen += 1;
    return read();
  };
  await waitUntil(`${count} looks`, LIMIT_MS, () => seen >= count);
  rig.rpc.readDispatcherList = read;
}

/** Runs once, right before the next reload goes out. */
function beforeReload(act: () => Promise<void>): void {
  const reload = rig.rpc.reloadDispatcher.bind(rig.rpc);
  rig.rpc.reloadDispatcher = async () => {
    rig.rpc.reloadDispatcher = reload;
    await act();
    return reload();
  };
}

test('gated by somebody else: counted, tried again, and nothing is acknowledged before it is live', async () => {
  await rig.commit([rig.row('a'), rig.row('b')]);
  await rig.acknowledged();
  beforeReload(async () => {
    // Loads the rows before the leader's: the new row is not among them.
    await rig.database.writeRows([rig.row('a'), rig.row('b')]);
    await waitUntil('reloaded by hand', LIMIT_MS, async () =>
      (await rig.kamcmd('dispatcher.reload')).startsWith('Ok'),
    );
    await rig.database.writeRows([rig.row('a'), rig.row('b'), rig.row('c')]);
  });
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP b=AP c=AP');
  assert.ok((await rig.metric('carna_agent_reloads_total{answer="too-early"}')) >= 1);
});

test('the database goes away before the reload: the old list is kept, told, and made good soon', async () => {
  await rig.kamcmd('dispatcher.set_state', 'ip', '30', rig.row('b').destination);
  beforeReload(() => rig.database.stop());
  await rig.commit([rig.row('a', 4), rig.row('b'), rig.row('c'), rig.row('d')]);
  await rig.told(/database/);
  assert.equal(await rig.letters(), 'a=DX b=IP c=AP');
  assert.ok((await rig.metric('carna_agent_reloads_total{answer="failed"}')) >= 1);
  await rig.database.start();
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=DX b=IP c=AP d=AP');
});

test('a bad row of somebody else: the others live, it is named, reloads grow rare, other changes need none', async () => {
  const rows = [rig.row('a'), rig.row('b'), rig.row('c')];
  const bad = { ...rig.row('z', 8, '', 'by hand'), destination: 'sip:no such uri' };
  await rig.commit([...rows, bad]);
  await rig.told(/no such uri is missing in set 30/);
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP');
  await looks(3);
  // One of the rare reloads for the bad row may fall into a change; the next one is twice as far away.
  let reloads = Number.POSITIVE_INFINITY;
  for (let attempt = 0; reloads > 0 && attempt < MAX_ATTEMPTS; attempt++) {
    const before = rig.reloads;
    await rig.commit([rig.row('a', 4), ...rows.slice(1), bad]);
    await waitUntil('disabled', LIMIT_MS, async () => (await rig.letters()) === 'a=DX b=IP c=AP');
    await waitUntil('told', LIMIT_MS, () => rig.applied.current?.generation === rig.generation);
    reloads = rig.reloads - before;
    await rig.commit([...rows, bad]);
    await waitUntil('enabled', LIMIT_MS, async () => (await rig.letters()) === 'a=AP b=IP c=AP');
  }
  assert.equal(reloads, 0, 'what set_state can do was reloaded for');
  await rig.commit(rows);
  await rig.acknowledged();
});

test('what somebody did by hand is healed and counted by kind', async () => {
  const kinds = ['state', 'missing', 'extra'] as const;
  const healed = (kind: string): Promise<number> =>
    rig.metric(`carna_agent_drift_healed_total{kind="${kind}"}`);
  const before = await Promise.all(kinds.map(healed));
  const c = rig.row('c').destination;
  await rig.kamcmd('dispatcher.set_state', 'd', '30', rig.row('a').destination);
  await waitUntil('healed', LIMIT_MS, async () => (await healed('state')) > (before[0] ?? 0));
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP');
  const byHand = async (...words: readonly string[]): Promise<void> =>
    waitUntil('by hand', LIMIT_MS, async () => !(await rig.kamcmd(...words)).includes('Ongoing'));
  await byHand('dispatcher.remove', '30', c);
  await waitUntil('healed', LIMIT_MS, async () => (await healed('missing')) > (before[1] ?? 0));
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP');
  await byHand('dispatcher.add', '30', rig.row('z').destination, '8');
  await waitUntil('healed', LIMIT_MS, async () => (await healed('extra')) > (before[2] ?? 0));
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP');
  await rig.acknowledged();
});

test("somebody else's rows in our set, one of them with our destination: kept, not fought over, not reloaded for", async () => {
  const mine = [rig.row('a'), rig.row('b')];
  const others = [
    rig.row('e', 0, 'cc=1', 'by hand'),
    { ...rig.row('a', 8, '', 'by hand'), destination: rig.row('a').destination.slice(4) },
  ];
  await rig.commit([...mine, ...others]);
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP a=AP b=IP e=AX');
  const before = [rig.reloads, rig.applied.history.length];
  await looks(3);
  assert.deepEqual([rig.reloads, rig.applied.history.length], before);
  assert.equal(await rig.metric('carna_agent_foreign_rows'), 2);
  await rig.commit([rig.row('a', 4), rig.row('b'), ...others]);
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP a=DX b=IP e=AX', 'ours is disabled, theirs is theirs');
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c')]);
  await rig.acknowledged();
});

test('a reload whose answer is lost is looked at, and whom Kamailio found silent stays silent', async () => {
  await rig.kamcmd('dispatcher.set_state', 'ip', '30', rig.row('b').destination);
  let cuts = 0;
  beforeReload(async () => {
    rig.tap.onReply = (bytes, client, server) => {
      cuts += 1;
      rig.tap.onReply = null;
      client.end(bytes.subarray(0, 3));
      server.destroy();
    };
  });
  const before = rig.reloads;
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c'), rig.row('d')]);
  await rig.acknowledged();
  assert.equal(cuts, 1);
  assert.equal(await rig.letters(), 'a=AP b=IP c=AP d=AP');
  assert.equal(rig.reloads, before + 1, 'a reload that had worked was repeated');
  assert.equal(await rig.metric('carna_agent_reloads_total{answer="unknown"}'), 1);
});

test('a list that is cut in the middle and never ends costs a connection, not the applier', async () => {
  let cut = 0;
  rig.tap.onReply = (bytes, client) => {
    cut += 1;
    rig.tap.onReply = () => undefined;
    client.write(bytes.subarray(0, 40));
  };
  await waitUntil('cut', LIMIT_MS, () => cut > 0);
  await rig.told(/does not tell its list/);
  rig.tap.onReply = null;
  await rig.commit([rig.row('a'), rig.row('b'), rig.row('c', 4)]);
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP b=IP c=DX');
});

test('PostgreSQL takes no new connection at a reload: two seconds of silence, the old list, then all is well', async (t) => {
  let isHung = false;
  beforeReload(async () => {
    process.kill(rig.database.server.pid, 'SIGSTOP');
    isHung = true;
    return Promise.resolve();
  });
  await rig.commit([rig.row('a'), rig.row('b', 4), rig.row('c'), rig.row('e')]);
  try {
    await waitUntil('hung', LIMIT_MS, () => isHung);
    const began = performance.now();
    assert.equal(await rig.letters(), 'a=AP b=DX c=AP', 'state changes need no reload');
    t.diagnostic(`RPC was blocked for ${(performance.now() - began).toFixed(0)} ms`);
    await rig.told(/5080 is missing in set 30; a reload did not help/);
  } finally {
    process.kill(rig.database.server.pid, 'SIGCONT');
  }
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP b=DX c=AP e=AP');
});

test('Kamailio dies between the write and the reload: nothing of the old life is acknowledged', async () => {
  const seen = rig.applied.history.length;
  beforeReload(async () => {
    await rig.killKamailio();
    rig.applier.serverExited();
    await rig.startKamailio();
    rig.applier.serverStarted();
  });
  await rig.commit([rig.row('a'), rig.row('b', 4), rig.row('d')]);
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP b=DX d=AP');
  assert.equal(rig.applied.history[seen], null, 'withdrawn with the old life');
});

test('Kamailio restarts while it is being read: the old list says nothing of the new life', async () => {
  const read = rig.rpc.readDispatcherList.bind(rig.rpc);
  let isOver = false;
  rig.rpc.readDispatcherList = async () => {
    rig.rpc.readDispatcherList = read;
    const old = await read();
    await rig.killKamailio();
    rig.applier.serverExited();
    await rig.database.writeRows([rig.row('a'), rig.row('c')]);
    await rig.startKamailio();
    rig.applier.serverStarted();
    isOver = true;
    return old;
  };
  await waitUntil('restarted', LIMIT_MS, () => isOver);
  const seen = rig.applied.history.length;
  await rig.commit([rig.row('a'), rig.row('c')]);
  await rig.acknowledged();
  const told = rig.applied.history.slice(seen).map((record) => record?.sets['30']);
  assert.deepEqual([...new Set(told)], [setHash([rig.row('a'), rig.row('c')])]);
});

test('a table that loses all rows between our look and the reload is told as what it is', async () => {
  beforeReload(async () => {
    await rig.database.pool.query('delete from dispatcher');
  });
  await rig.commit([rig.row('a'), rig.row('c'), rig.row('d')]);
  await rig.told(/no row for set 30/);
  assert.equal(rig.applier.isProven, false, 'an empty list serves nobody');
  await rig.commit([rig.row('a'), rig.row('c')]);
  await rig.acknowledged();
  assert.equal(await rig.letters(), 'a=AP c=AP');
});
