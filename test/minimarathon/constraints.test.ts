import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetsConstraint, selectInstancesToKill } from './constraints.js';
import type { Constraint } from './constraints.js';
import type { Candidate } from './instance.js';
import { host } from './support.js';

let next = 0;

function on(hostname: string, attributes: Readonly<Record<string, string>> = {}): Candidate {
  return {
    id: `i${next++}`,
    goal: 'Running',
    condition: 'Running',
    sinceMs: next,
    activeSinceMs: next,
    stagedAtMs: next,
    host: host(hostname, attributes),
  };
}

const racks = (...names: readonly string[]): Candidate[] => names.map((rack) => on('h', { rack }));

interface Case {
  readonly constraint: Constraint;
  readonly offered: string;
  /** The racks that are taken. */
  readonly placed?: readonly string[];
  readonly fits: boolean;
}

/** Five instances are wanted. */
const table: Readonly<Record<string, Case>> = {
  'CLUSTER begins anywhere': { constraint: ['rack', 'CLUSTER'], offered: 'a', fits: true },
  'CLUSTER stays where it began': {
    constraint: ['rack', 'CLUSTER'],
    offered: 'b',
    placed: ['a', 'a'],
    fits: false,
  },
  'CLUSTER with a value wants that value': {
    constraint: ['rack', 'CLUSTER', 'b'],
    offered: 'a',
    fits: false,
  },
  'UNIQUE takes a new value': {
    constraint: ['rack', 'UNIQUE'],
    offered: 'c',
    placed: ['a', 'b'],
    fits: true,
  },
  'UNIQUE refuses one that is taken': {
    constraint: ['rack', 'UNIQUE'],
    offered: 'a',
    placed: ['a', 'b'],
    fits: false,
  },
  'LIKE matches the whole value': { constraint: ['rack', 'LIKE', 'a|b'], offered: 'b', fits: true },
  'LIKE is no search': { constraint: ['rack', 'LIKE', 'a'], offered: 'ab', fits: false },
  'UNLIKE is its opposite': { constraint: ['rack', 'UNLIKE', 'a'], offered: 'a', fits: false },
  'IS wants the value': { constraint: ['rack', 'IS', 'a'], offered: 'a', fits: true },
  'IS refuses another': { constraint: ['rack', 'IS', 'a'], offered: 'b', fits: false },
  'MAX_PER takes up to its number': {
    constraint: ['rack', 'MAX_PER', '2'],
    offered: 'a',
    placed: ['a', 'b'],
    fits: true,
  },
  'MAX_PER takes no more': {
    constraint: ['rack', 'MAX_PER', '2'],
    offered: 'a',
    placed: ['a', 'a'],
    fits: false,
  },
  'GROUP_BY begins anywhere': { constraint: ['rack', 'GROUP_BY', '2'], offered: 'a', fits: true },
  'GROUP_BY of 2 puts 3 of 5 into one group': {
    constraint: ['rack', 'GROUP_BY', '2'],
    offered: 'a',
    placed: ['a', 'a'],
    fits: true,
  },
  'but not 4': {
    constraint: ['rack', 'GROUP_BY', '2'],
    offered: 'a',
    placed: ['a', 'a', 'a'],
    fits: false,
  },
  'GROUP_BY opens a second group': {
    constraint: ['rack', 'GROUP_BY', '2'],
    offered: 'b',
    placed: ['a'],
    fits: true,
  },
  'only one group gets the odd one': {
    constraint: ['rack', 'GROUP_BY', '2'],
    offered: 'b',
    placed: ['a', 'a', 'a', 'b', 'b'],
    fits: false,
  },
  'GROUP_BY opens no third group': {
    constraint: ['rack', 'GROUP_BY', '2'],
    offered: 'c',
    placed: ['a', 'b'],
    fits: false,
  },
};

for (const [name, { constraint, offered, placed = [], fits }] of Object.entries(table)) {
  test(name, () => {
    const offer = host('h', { rack: offered });
    assert.equal(meetsConstraint(racks(...placed), offer, constraint, 5), fits);
  });
}

test('without the attribute only UNLIKE fits', () => {
  for (const operator of ['CLUSTER', 'UNIQUE', 'GROUP_BY', 'IS', 'LIKE', 'MAX_PER']) {
    assert.equal(meetsConstraint([], host('h'), ['rack', operator, '1'], 5), false, operator);
  }
  assert.equal(meetsConstraint([], host('h'), ['rack', 'UNLIKE', '1'], 5), true);
});

test('@hostname is the host itself', () => {
  assert.equal(meetsConstraint([on('h1')], host('h1'), ['@hostname', 'UNIQUE'], 5), false);
  assert.equal(meetsConstraint([on('h1')], host('h2'), ['@hostname', 'UNIQUE'], 5), true);
});

const byHost: Constraint[] = [['@hostname', 'GROUP_BY', '2']];

test('of twenty on two hosts ten go, five of each', () => {
  const running = Array.from({ length: 20 }, (_, n) => on(`h${n % 2}`));
  const killed = selectInstancesToKill(byHost, running, 10);
  assert.equal(killed.length, 10);
  assert.equal(killed.filter((one) => one.host?.hostname === 'h0').length, 5);
});

test('all go from the host that has too many', () => {
  const running = Array.from({ length: 30 }, (_, n) => on(n < 20 ? 'h1' : 'h2'));
  const killed = selectInstancesToKill(byHost, running, 10);
  assert.equal(killed.length, 10);
  assert.ok(killed.every((one) => one.host?.hostname === 'h1'));
});

test('two constraints are both kept even', () => {
  const running = Array.from({ length: 40 }, (_, n) =>
    on('h', { rack: `r${Math.floor(n / 20)}`, color: `c${Math.floor(n / 10) % 2}` }),
  );
  const constraints: Constraint[] = [
    ['rack', 'GROUP_BY', '2'],
    ['color', 'GROUP_BY', '2'],
  ];
  const killed = selectInstancesToKill(constraints, running, 20);
  assert.equal(killed.length, 20);
  for (const [field, value] of [
    ['rack', 'r0'],
    ['rack', 'r1'],
    ['color', 'c0'],
    ['color', 'c1'],
  ] as const) {
    const of = killed.filter((one) => one.host?.attributes[field] === value);
    assert.equal(of.length, 10, value);
  }
});

test('no other operator picks a victim', () => {
  const running = racks('a', 'b', 'c');
  assert.deepEqual(selectInstancesToKill([['rack', 'UNIQUE']], running, 1), []);
  assert.deepEqual(selectInstancesToKill([], running, 1), []);
});

test('when all must go nobody picks', () => {
  const running = racks('a', 'a', 'b');
  assert.deepEqual(selectInstancesToKill([['rack', 'UNIQUE']], running, 3), running);
});
