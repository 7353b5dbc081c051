import type { Mutant } from './mutant.js';

/** The applier: what keeps one Kamailio's list right. */
export const APPLIER: readonly Mutant[] = [
  {
    name: 'applier-empties',
    off: 'a Kamailio is left with an empty set',
    file: 'topology/live-holds.js',
    find: 'return setids.filter((setid) => alive.has(setid) && !filled.has(setid) && !mayBeEmpty(setid));',
    replace: 'return [];',
    tests: ['topology/live-plan.test.js'],
  },
  {
    name: 'applier-gap',
    off: 'a Kamailio is reloaded as often as something changes',
    file: 'agent/reload-pace.js',
    find: 'return this.#lastMs + gapMs - this.#time.monoMs();',
    replace: 'return 0;',
    tests: ['agent/applier.test.js', 'property/applier.test.js'],
  },
  {
    name: 'applier-carry-over',
    off: 'a reload brings back to life what Kamailio found dead',
    file: 'topology/live-plan.js',
    find: 'if (!agree(lettersOf(row.flags), wanted))',
    replace: 'if (false)',
    tests: ['topology/live-plan.test.js'],
  },
  {
    name: 'applier-went-back',
    off: 'a table that PostgreSQL lost commits of is applied',
    file: 'agent/leader-word.js',
    find: 'if (generation < told)',
    replace: 'if (false)',
    tests: ['agent/applier-went-back.test.js'],
  },
  {
    name: 'applier-believes',
    off: 'a change that still waits for its reload is acknowledged',
    file: 'agent/applier.js',
    find: 'if (plan.needsReload && !isVain)',
    replace: 'if (false)',
    tests: ['agent/applier.test.js', 'property/applier.test.js'],
  },
  {
    name: 'listed-by-generation',
    off: 'a node that a failed reload left out counts as listed',
    file: 'topology/unlisted.js',
    find: 'if (drift === null || keys.length === 0)',
    replace: 'if (true)',
    tests: ['agent/agent-health.test.js', 'topology/unlisted.test.js'],
  },
];
