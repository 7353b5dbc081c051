import type { Mutant } from './mutant.js';

const GUARD_TESTS = ['topology/guard.test.js'];
const TABLE_TESTS = ['integration/store/dispatcher-table.test.js'];
const FENCE_TESTS = ['integration/store/fence.test.js'];
const RECONCILER_TESTS = [
  'reconciler/run-reconciler.test.js',
  'reconciler/reconciler-faults.test.js',
  'reconciler/vanished-nodes.test.js',
  'reconciler/overrides.test.js',
];

/** Guards: what keeps the reconciler from being wrong at scale. */
export const GUARDS: readonly Mutant[] = [
  {
    name: 'guard-never-empty',
    off: 'a set may lose its last row without anybody’s word',
    file: 'topology/guard.js',
    find: 'if (!losesLast && !losesChoice)',
    replace: 'if (true)',
    tests: GUARD_TESTS,
  },
  {
    name: 'lost-set',
    off: 'a set that PostgreSQL lost is told as empty',
    file: 'topology/lost-sets.js',
    find: 'hash !== EMPTY &&',
    replace: 'false &&',
    tests: ['reconciler/lost-sets.test.js'],
  },
  {
    name: 'guard-budget',
    off: 'no bound to unexplained losses',
    file: 'topology/guard-budget.js',
    find: 'return Math.max(0, Math.max(1, Math.floor(rows * limits.share)) - recent);',
    replace: 'return Infinity;',
    tests: GUARD_TESTS,
  },
  {
    name: 'guard-stop-silence',
    off: 'no global stop when most nodes fall silent',
    file: 'topology/guard-budget.js',
    find: 'if (silent > 1 && silent > nodes * limits.stopShare)',
    replace: 'if (false)',
    tests: GUARD_TESTS,
  },
  {
    name: 'guard-stop-calm',
    off: 'no calm after our own view was broken',
    file: 'topology/guard-budget.js',
    find: 'if (freshForMs < limits.calmMs)',
    replace: 'if (false)',
    tests: GUARD_TESTS,
  },
  {
    name: 'settle-window',
    off: 'removals before the view has settled',
    file: 'reconciler/freshness.js',
    find: 'return this.settlesInMs() === 0;',
    replace: 'return true;',
    tests: RECONCILER_TESTS,
  },
  {
    name: 'stale-view',
    off: 'a stale view is judged',
    file: 'reconciler/leader-term.js',
    find: 'return isFresh && this.#term.mayWrite()',
    replace: 'return this.#term.mayWrite()',
    tests: RECONCILER_TESTS,
  },
  {
    name: 'silence-is-death',
    off: 'a vanished znode is believed without asking the server',
    file: 'topology/node-verdict.js',
    find: "switch (input.evidence.get(nodeId) ?? 'unknown') {",
    replace: "switch ('silent') {",
    tests: ['topology/desired-rows.test.js'],
  },
  {
    name: 'override-for-ever',
    off: 'an override works as long as its znode stands',
    file: 'reconciler/override-words.js',
    find: 'filter(([, word]) => !this.#isUsed(word))',
    replace: 'filter(() => true)',
    tests: RECONCILER_TESTS,
  },
  {
    name: 'override-of-a-term',
    off: 'a new leader does not know which overrides were used',
    file: 'reconciler/override-words.js',
    find: 'this.#used = await this.#deps.table.readUsedOverrides(this.#deps.dc);',
    replace: '',
    tests: RECONCILER_TESTS,
  },
  {
    name: 'override-unnoted',
    off: 'PostgreSQL does not keep which overrides a commit used',
    file: 'store/migrations/0006_used_override.sql',
    find: "jsonb_to_recordset(p_plan -> 'overrides')",
    replace: "jsonb_to_recordset('[]')",
    tests: TABLE_TESTS,
  },
  {
    name: 'budget-of-a-term',
    off: 'a new leader begins with a budget of its own',
    file: 'reconciler/leader-term.js',
    find: 'this.#spent = spentOf(',
    replace: 'void (',
    tests: RECONCILER_TESTS,
  },
  {
    name: 'old-picture',
    off: 'losses are judged by what is remembered of the table',
    file: 'reconciler/leader-term.js',
    find: 'if (plan.taken.size === 0 || wasRead)',
    replace: 'if (true)',
    tests: RECONCILER_TESTS,
  },
  {
    name: 'admission',
    off: 'a node takes calls by the word of its agent alone',
    file: 'topology/admission.js',
    find: 'if (!canBeAsked(record))',
    replace: 'if (true)',
    tests: ['topology/admission.test.js'],
  },
  {
    name: 'limbo',
    off: 'a silent node loses its row at once',
    file: 'topology/node-verdict.js',
    find: 'if (input.nowMs - sinceMs > input.limits.limboMs)',
    replace: 'if (true)',
    tests: ['topology/desired-rows.test.js'],
  },
];

/** The fence: what keeps a deposed leader from writing, and a wrong picture of the table from being written. */
export const FENCE: readonly Mutant[] = [
  {
    name: 'fence-epoch',
    off: 'PostgreSQL takes the writes of a deposed leader',
    file: 'store/migrations/0007_floors.sql',
    find: 'IF v_epoch IS DISTINCT FROM p_epoch THEN',
    replace: 'IF false THEN',
    also: [
      {
        file: 'store/migrations/0006_used_override.sql',
        find: 'IF v_epoch IS DISTINCT FROM p_epoch THEN',
        replace: 'IF false THEN',
      },
    ],
    tests: FENCE_TESTS,
  },
  {
    name: 'fence-trace',
    off: 'a refused write leaves no trace',
    file: 'store/migrations/0006_used_override.sql',
    find: 'PERFORM carna.note_refusal(p_dc, p_epoch, p_plan);',
    replace: '',
    tests: FENCE_TESTS,
  },
  {
    name: 'fence-generation',
    off: 'a plan made from another table is committed',
    file: 'store/migrations/0007_floors.sql',
    find: "IF generation <> (p_plan ->> 'base')::bigint THEN",
    replace: 'IF false THEN',
    tests: TABLE_TESTS,
  },
  {
    name: 'fence-never-empty',
    off: 'PostgreSQL lets a set become empty against the plan',
    file: 'store/migrations/0007_floors.sql',
    find: 'IF v_emptied IS NOT NULL THEN',
    replace: 'IF false THEN',
    tests: TABLE_TESTS,
  },
  {
    name: 'fence-floor',
    off: 'a PostgreSQL that went back in time gives generations away again',
    file: 'store/migrations/0007_floors.sql',
    find: 'generation := greatest(generation, v_floor) + 1;',
    replace: 'generation := generation + 1;',
    tests: TABLE_TESTS,
  },
  {
    name: 'leader-in-doubt',
    off: 'a leader in doubt goes on writing',
    file: 'reconciler/leader-term.js',
    find: 'return isFresh && this.#term.mayWrite() &&',
    replace: 'return isFresh &&',
    tests: RECONCILER_TESTS,
  },
];
