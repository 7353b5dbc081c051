import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import type { LiveDestination } from '../../src/topology/live-destination.js';
import { hashLive } from '../../src/topology/live-hash.js';
import { lettersOf } from '../../src/topology/live-letters.js';
import { planLive } from '../../src/topology/live-plan.js';
import { setHash } from '../../src/topology/set-hash.js';
import { FakeKamailio, row } from '../agent/support/fake-kamailio.js';

function live(name: string, letters: string, attrs = '', priority = 0): LiveDestination {
  return { setid: 1, destination: `sip:${name}:5060`, letters, priority, attrs };
}

interface Case {
  readonly rows: readonly DispatcherRow[];
  readonly live: readonly LiveDestination[];
  readonly previous?: readonly DispatcherRow[];
  readonly mayBeEmpty?: boolean;
}

/** The plan as words: set_states, `reload`, and behind it what is carried over. */
function check(name: string, given: Case, expected: string): void {
  test(name, () => {
    const plan = planLive({
      setids: [1],
      rows: given.rows,
      live: given.live,
      previous: given.previous ?? null,
      mayBeEmpty: () => given.mayBeEmpty ?? false,
    });
    const words = plan.setStates.map((s) => `${s.state} ${s.destination.slice(4, -5)}`);
    const carried = plan.carryOver.map((s) => `${s.state} ${s.destination.slice(4, -5)}`);
    const held = plan.heldSets.map((setid) => `held ${setid}`);
    const text = [...words, ...(plan.needsReload ? ['reload', ...carried] : []), ...held];
    assert.equal(text.join(', '), expected);
    assert.equal(plan.drift === null, expected === '');
  });
}

check('both agree', { rows: [row(1, 'a')], live: [live('a', 'AP')] }, '');
check('found dead by its own pings: kept', { rows: [row(1, 'a')], live: [live('a', 'IP')] }, '');
check('on trial by its own pings: kept', { rows: [row(1, 'a')], live: [live('a', 'TP')] }, '');
check('disabled in the table', { rows: [row(1, 'a', 4)], live: [live('a', 'AP')] }, 'd a');
check('disabled, and dead as well', { rows: [row(1, 'a', 4)], live: [live('a', 'IP')] }, 'd a');
check('disabled both ways', { rows: [row(1, 'a', 4)], live: [live('a', 'DP')] }, '');
check('enabled again', { rows: [row(1, 'a')], live: [live('a', 'DX')] }, 'ap a');
check('enabled on trial', { rows: [row(1, 'a', 9)], live: [live('a', 'DX')] }, 'ip a');
check('a newcomer proven by Kamailio', { rows: [row(1, 'a', 9)], live: [live('a', 'AP')] }, '');
check(
  'a fresh word that it is silent',
  { rows: [row(1, 'a', 9)], live: [live('a', 'AP')], previous: [row(1, 'a', 8)] },
  'ip a',
);
check(
  'a fresh word that it answers',
  { rows: [row(1, 'a', 8)], live: [live('a', 'IP')], previous: [row(1, 'a', 9)] },
  'ap a',
);
check('probing switched off by hand', { rows: [row(1, 'a')], live: [live('a', 'AX')] }, 'ap a');
check('a new row', { rows: [row(1, 'a'), row(1, 'b')], live: [live('a', 'AP')] }, 'reload');
check(
  'a new row: the dead stay dead over the reload',
  { rows: [row(1, 'a'), row(1, 'b')], live: [live('a', 'IP')] },
  'reload, ip a',
);
check(
  'a new row: a newcomer proven before stays proven',
  { rows: [row(1, 'a', 9), row(1, 'b')], live: [live('a', 'AP')] },
  'reload, ap a',
);
check(
  'a deleted row takes no call even before the reload',
  { rows: [row(1, 'a')], live: [live('a', 'AP'), live('b', 'AP')] },
  'd b, reload',
);
check('other attrs', { rows: [row(1, 'a', 8, 'weight=5')], live: [live('a', 'AP')] }, 'reload');
check('another priority', { rows: [row(1, 'a', 8, '', 7)], live: [live('a', 'AP')] }, 'reload');
check('an emptied table is not believed', { rows: [], live: [live('a', 'AP')] }, 'held 1');
check(
  'unless the leader says so',
  { rows: [], live: [live('a', 'AP')], mayBeEmpty: true },
  'd a, reload',
);
check('nothing on either side', { rows: [], live: [] }, '');
check(
  'sets of others are left alone',
  { rows: [row(1, 'a')], live: [live('a', 'AP'), { ...live('x', 'IX'), setid: 9 }] },
  '',
);
check(
  'Kamailio adds the scheme',
  { rows: [{ ...row(1, 'a'), destination: 'a:5060' }], live: [live('a', 'AP')] },
  '',
);

test('the hash of a healthy list equals that of its rows', () => {
  const rows = [
    row(1, 'a', 8, 'weight=5'),
    row(1, 'b', 4),
    { ...row(1, 'c'), destination: 'c:5060' },
  ];
  const kamailio = new FakeKamailio(rows);
  kamailio.ping('a', false);
  assert.deepEqual(hashLive([1], rows, kamailio.live), { '1': setHash(rows) });
});

test('an operator who disables by hand changes the hash', () => {
  const rows = [row(1, 'a')];
  assert.notDeepEqual(hashLive([1], rows, [live('a', 'DX')]), { '1': setHash(rows) });
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const anyRows = fc
  .array(
    fc.record({
      setid: fc.constantFrom(1, 2),
      name: fc.constantFrom(...NAMES),
      flags: fc.constantFrom(8, 9, 4),
      attrs: fc.constantFrom('', 'weight=5'),
    }),
    { maxLength: 8 },
  )
  .map((items) => {
    const rows = items.map((i) => row(i.setid, i.name, i.flags, i.attrs));
    return [...new Map(rows.map((r) => [`${r.setid} ${r.destination}`, r])).values()];
  });
const anyPings = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.boolean()), { maxLength: 5 });

/** One pass as the applier makes it, with the reload at once. */
async function pass(
  kamailio: FakeKamailio,
  previous: readonly DispatcherRow[] | null,
  mayBeEmpty: boolean,
): Promise<ReturnType<typeof planLive>> {
  const setids = [1, 2];
  const plan = planLive({
    setids,
    rows: kamailio.table,
    live: kamailio.live,
    previous,
    mayBeEmpty: () => mayBeEmpty,
  });
  for (const s of plan.setStates) {
    await kamailio.setDispatcherState(s.state, s.setid, s.destination);
  }
  if (plan.needsReload) {
    await kamailio.reloadDispatcher();
    for (const s of plan.carryOver) {
      await kamailio.setDispatcherState(s.state, s.setid, s.destination);
    }
  }
  return plan;
}

test('property: one pass converges, the second does nothing, hashes agree', () =>
  fc.assert(
    fc.asyncProperty(anyRows, anyRows, anyPings, fc.boolean(), async (old, next, pings, known) => {
      const kamailio = new FakeKamailio(old);
      for (const [name, isAnswered] of pings) kamailio.ping(name, isAnswered);
      const silent = kamailio.live.filter((dest) => dest.letters === 'IP');
      kamailio.table = next;
      await pass(kamailio, known ? old : null, true);
      const second = await pass(kamailio, next, true);
      assert.deepEqual([second.setStates, second.needsReload, second.drift], [[], false, null]);
      for (const setid of [1, 2]) {
        const rows = next.filter((r) => r.setid === setid);
        assert.equal(hashLive([setid], next, kamailio.live)[String(setid)], setHash(rows));
      }
      checkSilentStaySilent(silent, old, next, known, kamailio);
    }),
  ));

/** Whom Kamailio found dead, and of whom the table says nothing new, gets no call after the pass either. */
function checkSilentStaySilent(
  silent: readonly LiveDestination[],
  old: readonly DispatcherRow[],
  next: readonly DispatcherRow[],
  known: boolean,
  kamailio: FakeKamailio,
): void {
  const find = (rows: readonly DispatcherRow[], dest: LiveDestination): DispatcherRow | undefined =>
    rows.find((r) => r.setid === dest.setid && r.destination === dest.destination);
  for (const dest of silent) {
    const after = find(next, dest);
    if (after === undefined || (known && find(old, dest)?.flags !== after.flags)) continue;
    const now = kamailio.live.find(
      (d) => d.setid === dest.setid && d.destination === dest.destination,
    );
    assert.ok(now !== undefined && !now.letters.startsWith('A'), `${dest.destination} was revived`);
  }
}

test('property: no set is ever emptied without the leader saying so', () =>
  fc.assert(
    fc.asyncProperty(anyRows, anyRows, async (old, next) => {
      const kamailio = new FakeKamailio(old);
      kamailio.table = next;
      await pass(kamailio, old, false);
      for (const setid of [1, 2]) {
        const had = old.some((r) => r.setid === setid);
        const has = kamailio.live.some((d) => d.setid === setid);
        assert.ok(!had || has, `set ${setid} was emptied`);
        const isEmptied = had && !next.some((r) => r.setid === setid);
        const before = old.filter((r) => r.setid === setid && r.flags !== 4).length;
        const after = kamailio.live.filter((d) => d.setid === setid && !d.letters.startsWith('D'));
        if (isEmptied) assert.equal(after.length, before);
      }
    }),
  ));

test('the letters of the flags that Carna writes', () =>
  assert.deepEqual([8, 9, 4, 0].map(lettersOf), ['AP', 'IP', 'DX', 'AX']));
