import fc from 'fast-check';
import assert from 'node:assert/strict';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import { NODE_STATES } from '../../src/topology/node.js';
import { planPass } from '../../src/topology/plan-pass.js';
import { holds } from './support/check.js';
import type { TopologyEvent } from './support/topology-event.js';
import { TopologyModel } from './support/topology-model.js';
import { nodeName, NODES } from './support/topology-nodes.js';

/**
 * What one reconciler does to the table, whatever happens around it and in whatever order it hears of it.
 * The invariants are checked in every pass by the model.
 */

const node = fc.nat({ max: NODES - 1 });
const address = fc.nat({ max: NODES + 1 });
const isSeen = fc.boolean();
const kind = <K extends TopologyEvent['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name);
const evidence = fc.constantFrom<Evidence[]>('answers', 'silent', 'unknown');

const happening: fc.Arbitrary<TopologyEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: kind('pass') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('time'),
      ms: fc.constantFrom(50, 5_000, 20_000, 45_000, 70_000, 700_000),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind('state'),
      node,
      state: fc.constantFrom(...NODE_STATES),
      isSeen,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kind('returns'), node, address, isSeen }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: kind('vanishes'), node, saysGoodbye: fc.boolean(), isSeen }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kind('witness'), node, finds: evidence }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('all news') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('old news'), node }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('weighs'), node, weight: fc.integer({ min: 1, max: 100 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('intent'), node, isSet: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('override'), setid: fc.constantFrom(20, 30) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('foreign row'), address, isThere: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('leader') }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('view breaks') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('stale'), isStale: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind('wall clock'),
      byMs: fc.constantFrom(-86_400_000, -30_000, 30_000, 86_400_000),
    }),
  },
);

/** Most nodes live at first, so that there is something to lose. */
function begun(): TopologyModel {
  const model = new TopologyModel();
  for (let n = 0; n < NODES; n++) {
    model.happen({ kind: 'returns', node: n, address: n, isSeen: true });
    model.witness(nodeName(n), 'answers');
  }
  model.pass();
  model.letPass(60_000);
  model.pass();
  return model;
}

const histories = fc.array(happening, { maxLength: 60, size: 'max' });

holds(
  'whatever happens: no set is emptied unsaid, losses keep their budget, others are not touched',
  1_500,
  () =>
    fc.property(histories, (events) => {
      const model = begun();
      for (const event of events) model.happen(event);
      model.happen({ kind: 'stale', isStale: false });
      model.pass();
    }),
);

holds('the order of nodes, intents, rows and memory makes no difference', 400, () =>
  fc.property(histories, fc.nat(), (events, by) => {
    const model = begun();
    for (const event of events) model.happen(event);
    const input = model.input();
    const turned = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => {
      const all = [...map].reverse();
      const at = all.length === 0 ? 0 : by % all.length;
      return new Map([...all.slice(at), ...all.slice(0, at)]);
    };
    const rows = new Map([...(input.previous as ReadonlyMap<string, never>)]);
    const other = planPass({
      ...input,
      nodes: turned(input.nodes),
      intents: turned(input.intents),
      remembered: turned(input.remembered),
      evidence: turned(input.evidence),
      previous: turned(rows),
    });
    const plan = planPass(input);
    assert.deepEqual(other, plan);
  }),
);

interface Final {
  readonly state: 'up' | 'draining' | 'gone';
  readonly hasIntent: boolean;
  readonly weight: number;
}

const finals: fc.Arbitrary<Final[]> = fc.array(
  fc.record({
    state: fc.constantFrom('up', 'up', 'draining', 'gone'),
    hasIntent: fc.constantFrom(false, false, true),
    weight: fc.constantFrom(50, 100),
  }),
  { minLength: NODES - 6, maxLength: NODES - 6 },
);

/** Brings the nodes into the same last state, lets everybody see it, and passes until it is quiet. */
function end(model: TopologyModel, last: readonly Final[]): void {
  for (let n = 0; n < NODES; n++) {
    // Enough of each set live, so that the guards let the others go.
    const { state, hasIntent, weight } = last[n] ?? { state: 'up', hasIntent: false, weight: 100 };
    model.happen({ kind: 'intent', node: n, isSet: hasIntent && state !== 'gone' });
    model.happen({ kind: 'returns', node: n, address: n, isSeen: true });
    if (state === 'gone') {
      model.happen({ kind: 'vanishes', node: n, saysGoodbye: true, isSeen: true });
    } else {
      model.happen({ kind: 'weighs', node: n, weight });
      model.happen({ kind: 'state', node: n, state, isSeen: true });
    }
    for (const foreign of [n, NODES, NODES + 1]) {
      model.happen({ kind: 'foreign row', address: foreign, isThere: false });
    }
  }
  model.happen({ kind: 'all news' });
  model.happen({ kind: 'stale', isStale: false });
  for (let pass = 0; pass < 20; pass++) {
    for (let n = 0; n < NODES; n++) {
      model.witness(nodeName(n), model.seen.has(nodeName(n)) ? 'answers' : 'silent');
    }
    model.letPass(70_000);
    model.pass();
  }
}

holds('the table depends on what is, not on how it came to be known', 250, () =>
  fc.property(histories, finals, (events, last) => {
    const [long, short] = [begun(), new TopologyModel()];
    for (const event of events) long.happen(event);
    end(long, last);
    end(short, last);
    const told = (model: TopologyModel): string[] =>
      [...model.table.values()]
        // A disabled row keeps the weight of its last calls: a change would cost a reload for nothing.
        .map((row) => `${rowKey(row)} ${row.flags} ${row.flags === 4 ? '' : row.attrs}`)
        .sort();
    assert.deepEqual(told(long), told(short));
  }),
);
