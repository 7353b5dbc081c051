import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Candidate, Condition, Goal } from './instance.js';
import { compareVictims, propose } from './scaling.js';

/** `activeSinceMs` grows with the number: a higher one is younger. */
function one(
  n: number,
  condition: Condition = 'Running',
  goal: Goal = 'Running',
  dates: Partial<Candidate> = {},
): Candidate {
  const base = { sinceMs: n, activeSinceMs: n, stagedAtMs: n, host: null };
  return { id: `i${n}`, goal, condition, ...base, ...dates };
}

interface Case {
  readonly instances: readonly Candidate[];
  readonly sentenced?: readonly string[];
  readonly uneven?: readonly string[];
  readonly scaleTo: number;
  readonly killed: readonly string[];
  readonly started: number;
}

function check({ instances, sentenced = [], uneven = [], scaleTo, killed, started }: Case): void {
  const meet = (candidates: readonly Candidate[]): readonly Candidate[] =>
    candidates.filter(({ id }) => uneven.includes(id));
  const { toDecommission, toStart } = propose(
    instances,
    sentenced,
    meet,
    scaleTo,
    'YOUNGEST_FIRST',
  );
  assert.deepEqual(
    toDecommission.map(({ id }) => id),
    killed,
  );
  assert.equal(toStart, started);
}

const three = [one(1), one(2), one(3)];
const four = [...three, one(4)];

test('with nothing running and nothing wanted nothing happens', () =>
  check({ instances: [], scaleTo: 0, killed: [], started: 0 }));

test('a negative target starts nothing', () =>
  check({ instances: [], scaleTo: -42, killed: [], started: 0 }));

test('from nothing all are started', () =>
  check({ instances: [], scaleTo: 42, killed: [], started: 42 }));

test('what is missing is started', () =>
  check({ instances: three, scaleTo: 5, killed: [], started: 2 }));

test('a staged task that is named goes', () =>
  check({
    instances: [one(1, 'Staging')],
    sentenced: ['i1'],
    scaleTo: 0,
    killed: ['i1'],
    started: 0,
  }));

test('down to nothing the youngest go first', () =>
  check({ instances: three, scaleTo: 0, killed: ['i3', 'i2', 'i1'], started: 0 }));

test('those that are named are killed and replaced when the number stays', () =>
  check({
    instances: three,
    sentenced: ['i2', 'i3', 'i42'],
    scaleTo: 3,
    killed: ['i2', 'i3'],
    started: 2,
  }));

test('a name that matches nothing lets Marathon choose', () =>
  check({ instances: four, sentenced: ['i42'], scaleTo: 3, killed: ['i4'], started: 0 }));

test('the named first, then those that even out the groups, then by age', () =>
  check({
    instances: four,
    sentenced: ['i2'],
    uneven: ['i3'],
    scaleTo: 1,
    killed: ['i2', 'i3', 'i4'],
    started: 0,
  }));

test('one that is on its way out counts no more', () =>
  check({
    instances: [one(1), one(2), one(3, 'Running', 'Decommissioned')],
    scaleTo: 2,
    killed: [],
    started: 0,
  }));

test('an inactive unreachable one is replaced', () =>
  check({
    instances: [one(1), one(2, 'UnreachableInactive')],
    scaleTo: 2,
    killed: [],
    started: 1,
  }));

test('one that waits for an offer outlives a running one', () =>
  check({
    instances: [one(1), one(2, 'Scheduled', 'Running', { activeSinceMs: null })],
    scaleTo: 1,
    killed: ['i1'],
    started: 0,
  }));

test('a killed task that has not ended yet outlives a healthy one', () =>
  check({ instances: [one(1), one(2, 'Killing')], scaleTo: 1, killed: ['i1'], started: 0 }));

test('by condition: unreachable, staging, starting, running, everything else', () => {
  const conditions: Condition[] = ['Killing', 'Running', 'Starting', 'Staging', 'Unreachable'];
  const order = conditions
    .map((condition, n) => one(n, condition))
    .sort((a, b) => compareVictims(a, b, 'YOUNGEST_FIRST'))
    .map(({ condition }) => condition);
  assert.deepEqual(order, [...conditions].reverse());
});

for (const condition of ['Staging', 'Starting', 'Running'] as const) {
  test(`of two ${condition} ones the kill selection decides`, () => {
    const older = one(1, condition);
    const younger = one(2, condition);
    assert.ok(compareVictims(younger, older, 'YOUNGEST_FIRST') < 0);
    assert.ok(compareVictims(younger, older, 'OLDEST_FIRST') > 0);
  });
}

test('one that was never active goes before one that was', () => {
  const never = one(1, 'Running', 'Running', { activeSinceMs: null });
  assert.ok(compareVictims(never, one(2), 'OLDEST_FIRST') < 0);
  assert.ok(compareVictims(one(2), never, 'OLDEST_FIRST') > 0);
});
