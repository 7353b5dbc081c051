import fc from 'fast-check';
import assert from 'node:assert/strict';
import { Applier, DEFAULT_APPLIER_TIMING } from '../../src/agent/applier.js';
import { agentMetrics } from '../../src/agent/metrics.js';
import { createMetrics } from '../../src/http/metrics.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import type { LiveDestination } from '../../src/topology/live-destination.js';
import { hashLive } from '../../src/topology/live-hash.js';
import { liveKey } from '../../src/topology/live-letters.js';
import { planLive } from '../../src/topology/live-plan.js';
import type { AppliedRecord } from '../../src/topology/node.js';
import { setHash } from '../../src/topology/set-hash.js';
import { FakeTime } from '../agent/support/fake-time.js';
import { FakePublication, FakeView, silentLog } from '../agent/support/fakes.js';
import { holds } from './support/check.js';
import type { CallFault } from './support/kamailio-model.js';
import { KamailioModel } from './support/kamailio-model.js';

/** The real applier over a simulated Kamailio, table, leader and clock, whatever happens to them. */

const SETS = [20, 30];
const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const uri = (name: string): string => `sip:${name}:5060`;

const ours: fc.Arbitrary<DispatcherRow> = fc.record({
  setid: fc.constantFrom(...SETS),
  destination: names.map(uri),
  flags: fc.constantFrom(8, 8, 8, 4, 9),
  priority: fc.constant(0),
  attrs: fc.constantFrom('', '', 'weight=5;rweight=5'),
  description: fc.constant('carna:x'),
});

/** Somebody's own, also one of ours spelled otherwise, also one that Kamailio refuses. */
const foreign: fc.Arbitrary<DispatcherRow> = fc.record({
  setid: fc.constantFrom(...SETS),
  destination: fc.oneof(
    fc.constantFrom('sip:bad uri', 'sip:z:5060'),
    names.map((name) => uri(name).slice(4)),
  ),
  flags: fc.constantFrom(0, 8, 4, 5),
  priority: fc.constantFrom(0, 7),
  attrs: fc.constantFrom('', 'cc=1'),
  description: fc.constant('by hand'),
});

const keyOf = (row: DispatcherRow): string => `${row.setid} ${row.destination}`;
const tables = fc
  .tuple(
    fc.uniqueArray(ours, { selector: keyOf, maxLength: 7 }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.uniqueArray(foreign, { selector: keyOf, maxLength: 2 }) },
    ),
  )
  .map(([mine, others]) => [...mine, ...others]);

type Event =
  | { readonly kind: 'commit'; readonly rows: readonly DispatcherRow[]; readonly isTold: boolean }
  | { readonly kind: 'told' }
  | { readonly kind: 'emptied by hand'; readonly setid: number }
  | { readonly kind: 'set by hand'; readonly name: string; readonly state: string }
  | { readonly kind: 'removed by hand'; readonly name: string }
  | { readonly kind: 'added by hand'; readonly name: string }
  | { readonly kind: 'reloaded by hand' }
  | { readonly kind: 'ping'; readonly name: string; readonly isAnswered: boolean }
  | {
      readonly kind: 'fault';
      readonly call: 'list' | 'set' | 'reload' | 'table';
      readonly how: CallFault;
    }
  | { readonly kind: 'database'; readonly isUp: boolean }
  | { readonly kind: 'list'; readonly isTooLong: boolean }
  | { readonly kind: 'restart'; readonly isNoticed: boolean }
  | { readonly kind: 'wall clock'; readonly byMs: number }
  | { readonly kind: 'time'; readonly ms: number };

const kind = <K extends Event['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name);
const setid = fc.constantFrom(...SETS);
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: kind('time'),
        ms: fc.constantFrom(0, 100, 600, 1_000, 5_000, 31_000),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ kind: kind('commit'), rows: tables, isTold: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('told') }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('emptied by hand'), setid }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('set by hand'),
        name: names,
        state: fc.constantFrom('d', 'ap', 'i', 't'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: kind('removed by hand'), name: names }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('added by hand'), name: names }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('reloaded by hand') }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: kind('ping'), name: names, isAnswered: fc.boolean() }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: kind('fault'),
        call: fc.constantFrom('list', 'set', 'reload', 'table'),
        how: fc.constantFrom('lost', 'unanswered'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: kind('database'), isUp: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('list'), isTooLong: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('restart'), isNoticed: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('wall clock'),
        byMs: fc.constantFrom(-3_600_000, 3_600_000),
      }),
    },
  ),
  { maxLength: 40, size: 'max' },
);

class Scene {
  readonly time = new FakeTime();
  readonly view = new FakeView();
  readonly publication = new FakePublication<AppliedRecord>();
  readonly kamailio = new KamailioModel(this.time.monoMs);
  readonly applier: Applier;
  /** Keys that Kamailio's own pings found silent, and that nothing but a good ping may bring back. */
  readonly silent = new Set<string>();
  /** What must never happen, and did. */
  readonly wrongs: string[] = [];
  #wallOffsetMs = 0;
  #isByHand = false;
  /** What was never in the table, and cannot be known where the list cannot be read. */
  readonly #added = new Set<string>();
  readonly #stop = new AbortController();
  readonly #end: Promise<void>;

  constructor(rows: readonly DispatcherRow[]) {
    this.kamailio.bad.add('sip:bad uri');
    this.kamailio.table = rows;
    this.kamailio.start();
    this.kamailio.onReload = (before) => this.#checkSets(before);
    const set = this.publication.set.bind(this.publication);
    this.publication.set = (record) => {
      this.#checkProof(record);
      set(record);
    };
    this.applier = new Applier({
      nodeId: 'd1',
      role: 'dispatcher',
      setids: SETS,
      table: this.kamailio,
      rpc: this.kamailio,
      view: this.view,
      publication: this.publication,
      time: Object.assign(Object.create(this.time) as FakeTime, {
        wallMs: () => this.time.monoMs() + this.#wallOffsetMs,
      }),
      timing: DEFAULT_APPLIER_TIMING,
      metrics: agentMetrics(createMetrics()),
      log: silentLog,
    });
    this.tell();
    this.applier.serverStarted();
    this.#end = this.applier.run(this.#stop.signal);
  }

  async happen(event: Event): Promise<void> {
    const { kamailio } = this;
    switch (event.kind) {
      case 'commit':
        this.#replaceTable(event.rows);
        kamailio.generation += 1;
        if (event.isTold) this.tell();
        break;
      case 'told':
        this.tell();
        break;
      case 'emptied by hand':
        this.#replaceTable(kamailio.table.filter((row) => row.setid !== event.setid));
        break;
      case 'set by hand':
        for (const set of SETS) {
          if (kamailio.force(event.state, set, uri(event.name))) {
            this.silent.delete(`${set} ${uri(event.name)}`);
          }
        }
        break;
      case 'removed by hand':
        kamailio.live = kamailio.live.filter((d) => d.destination !== uri(event.name));
        for (const set of SETS) this.silent.delete(`${set} ${uri(event.name)}`);
        break;
      case 'added by hand': {
        const added = { setid: 30, destination: uri(event.name), letters: 'AX' };
        kamailio.live.push({ ...added, priority: 0, attrs: '' });
        this.#added.add(liveKey(added));
        break;
      }
      case 'reloaded by hand':
        this.#isByHand = true;
        if (kamailio.reload().kind !== 'too-early') this.silent.clear();
        this.#isByHand = false;
        break;
      case 'ping':
        for (const key of kamailio.ping(uri(event.name), event.isAnswered)) {
          if (event.isAnswered) this.silent.delete(key);
          // A word that still has to come in is newer; of a double the state reaches one entry only.
          else if (this.#isCurrent && !this.#isDoubled(key)) this.silent.add(key);
        }
        break;
      case 'fault':
        kamailio.faults.set(event.call, event.how);
        break;
      case 'database':
        kamailio.isDatabaseUp = event.isUp;
        break;
      case 'list':
        kamailio.isListTooLong = event.isTooLong;
        if (event.isTooLong) this.silent.clear();
        break;
      case 'restart':
        kamailio.start();
        this.silent.clear();
        // Where the list cannot be read, the process's exit or the uptime tells, and the story goes on from there.
        if (event.isNoticed || kamailio.isListTooLong) this.restartNoticed();
        break;
      case 'wall clock':
        this.#wallOffsetMs += event.byMs;
        break;
      case 'time':
        await this.time.advance(event.ms);
        break;
    }
    // What cannot be seen cannot be carried over.
    if (kamailio.isListTooLong) this.silent.clear();
  }

  #isDoubled(key: string): boolean {
    return this.kamailio.live.filter((dest) => liveKey(dest) === key).length > 1;
  }

  restartNoticed(): void {
    this.applier.serverExited();
    this.applier.serverStarted();
  }

  /** The leader's record says what stands in the table. */
  tell(): void {
    const { table, generation } = this.kamailio;
    const sets: Record<string, string> = {};
    for (const { setid: set } of table) {
      sets[String(set)] = setHash(table.filter((row) => row.setid === set));
    }
    this.view.setGeneration(generation, sets);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#end;
  }

  get isEqual(): boolean {
    const { table, live, bad } = this.kamailio;
    const rows = table.filter((row) => !bad.has(row.destination));
    return SETS.every(
      (set) =>
        hashLive(SETS, rows, live)[String(set)] ===
        setHash(rows.filter((row) => row.setid === set)),
    );
  }

  get #isCurrent(): boolean {
    const told = this.publication.current;
    return told?.generation === this.kamailio.generation && told.drift === null;
  }

  /** I1: no reload of ours empties a set of which the leader does not say that it is empty. */
  #checkSets(before: readonly LiveDestination[]): void {
    const { live, generation } = this.kamailio;
    for (const set of SETS) {
      const isKnown = (dest: LiveDestination): boolean =>
        !this.kamailio.isListTooLong || !this.#added.has(liveKey(dest));
      const had = before.some((dest) => dest.setid === set && isKnown(dest));
      if (!had || live.some((dest) => dest.setid === set)) continue;
      const said = this.view.generation();
      const isSaid = said !== null && said.generation >= generation && !(String(set) in said.sets);
      if (!this.#isByHand && !isSaid)
        this.wrongs.push(`set ${set} emptied, and the leader did not say so`);
    }
  }

  /** I4: acknowledged without drift is what is live and in the table in this moment. */
  #checkProof(record: AppliedRecord | null): void {
    if (record === null || record.drift !== null) return;
    const isTrue = this.isEqual && record.generation === this.kamailio.generation;
    if (!isTrue) this.wrongs.push(`acknowledged what is not so: ${JSON.stringify(record)}`);
  }

  /** A row that goes, is doubled or gets a fresh word: other rules than the pings' hold for it. */
  #replaceTable(rows: readonly DispatcherRow[]): void {
    const before = new Map(this.kamailio.table.map((row) => [liveKey(row), row.flags] as const));
    this.kamailio.table = rows;
    for (const key of this.silent) {
      const same = rows.filter((row) => liveKey(row) === key);
      const isKept = same.length === 1 && same[0]?.flags === before.get(key);
      if (!isKept) this.silent.delete(key);
    }
  }
}

async function play(rows: readonly DispatcherRow[], story: readonly Event[]): Promise<Scene> {
  const scene = new Scene(rows);
  await scene.time.advance(0);
  for (const event of story) {
    await scene.happen(event);
    // A pass is not cut in two: what happens in its middle is for the tests on real servers.
    await scene.time.advance(0);
  }
  return scene;
}

/** Plays a story, lets `act` look at its end, and then at what went wrong on the way. */
async function tell(
  rows: readonly DispatcherRow[],
  story: readonly Event[],
  act: (scene: Scene) => Promise<void> | void,
): Promise<void> {
  const scene = await play(rows, story);
  try {
    await act(scene);
    assert.deepEqual(scene.wrongs, []);
  } finally {
    await scene.stop();
  }
}

/** All faults are over; the leader has its way. */
async function calm(scene: Scene): Promise<void> {
  scene.kamailio.faults.clear();
  scene.kamailio.isDatabaseUp = true;
  scene.kamailio.isListTooLong = false;
  scene.kamailio.generation += 1;
  scene.tell();
  await scene.time.advance(300_000);
}

holds(
  'whatever happens: reloads keep their distance, no set is emptied unsaid, nothing untrue is acknowledged',
  400,
  () =>
    fc.asyncProperty(tables, events, async (rows, story) => {
      await tell(rows, story, (scene) => {
        const { asked } = scene.kamailio;
        asked.forEach((atMs, i) => {
          if (i > 0)
            assert.ok(atMs - (asked[i - 1] ?? 0) >= 1_000, `reloads at ${asked.join(', ')}`);
        });
      });
    }),
);

holds(
  'when the faults are over the list becomes the table, and then nothing is touched any more',
  250,
  () =>
    fc.asyncProperty(tables, events, async (rows, story) => {
      await tell(rows, story, async (scene) => {
        scene.kamailio.table = scene.kamailio.table.filter(
          (row) => row.destination !== 'sip:bad uri',
        );
        await calm(scene);
        assert.ok(scene.isEqual, 'live list and table differ');
        const told = scene.publication.current;
        assert.deepEqual([told?.drift, told?.generation], [null, scene.kamailio.generation]);
        for (const dest of scene.kamailio.live) {
          if (!scene.silent.has(liveKey(dest))) continue;
          assert.match(dest.letters, /^[ID]/, `${dest.destination} came back to life by a reload`);
        }
        const { asked, setStates } = scene.kamailio;
        const before = [asked.length, setStates, scene.publication.history.length];
        await scene.time.advance(300_000);
        const after = [asked.length, scene.kamailio.setStates, scene.publication.history.length];
        assert.deepEqual(after, before, 'something is touched although nothing changed');
      });
    }),
);

holds(
  'a bad row of somebody else keeps nobody else out, is named, and is not reloaded for ever',
  100,
  () =>
    fc.asyncProperty(tables, events, async (rows, story) => {
      await tell(rows, story, async (scene) => {
        const bad = { setid: 30, destination: 'sip:bad uri', flags: 8, priority: 0, attrs: '' };
        const good = { ...bad, destination: 'sip:good:5060', description: 'carna:x' };
        const others = scene.kamailio.table.filter((row) => row.destination !== 'sip:bad uri');
        scene.kamailio.table = [...others, good, { ...bad, description: 'by hand' }];
        await calm(scene);
        assert.ok(scene.isEqual, 'somebody is kept out');
        assert.match(scene.publication.current?.drift ?? '', /sip:bad uri is missing in set 30/);
        const before = scene.kamailio.asked.length;
        await scene.time.advance(600_000);
        assert.ok(scene.kamailio.asked.length - before <= 12, 'reloaded again and again');
      });
    }),
);

holds('the plan for a list does not depend on the order of the rows', 500, () =>
  fc.property(tables, tables, fc.nat(), (rows, former, by) => {
    const model = new KamailioModel(() => 0);
    model.table = former.filter(
      (row) => new Set(former.map(liveKey)).size === former.length && row,
    );
    model.start();
    const single = rows.filter(
      (row, i) => rows.findIndex((r) => liveKey(r) === liveKey(row)) === i,
    );
    const at = single.length === 0 ? 0 : by % single.length;
    const turned = [...single.slice(at), ...single.slice(0, at)];
    const input = { setids: SETS, live: model.live, previous: former, mayBeEmpty: () => true };
    const [a, b] = [single, turned].map((list) => {
      const plan = planLive({ ...input, rows: list });
      const text = (items: readonly unknown[]): string[] =>
        items.map((i) => JSON.stringify(i)).sort();
      return [text(plan.setStates), text(plan.carryOver), text(plan.reasons), plan.needsReload];
    });
    assert.deepEqual(a, b);
  }),
);
