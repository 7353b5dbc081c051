import type { Mutant } from './mutant.js';

const GUARD_TESTS = ['topology/guard.test.js'];
const STORE_TESTS = ['integration/store/dispatcher-table.test.js'];

/** Guards: what keeps the reconciler from being wrong at scale. */
const GUARDS: readonly Mutant[] = [
  {
    name: 'guard-never-empty',
    off: 'a set may lose its last row without anybody’s word',
    file: 'topology/guard.js',
    find: 'if (!losesLast && !losesChoice)',
    replace: 'if (true)',
    tests: GUARD_TESTS,
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
    tests: ['reconciler/run-reconciler.test.js'],
  },
  {
    name: 'stale-view',
    off: 'a stale view is judged',
    file: 'reconciler/leader-term.js',
    find: 'return isFresh && this.#term.mayWrite()',
    replace: 'return this.#term.mayWrite()',
    tests: ['reconciler/run-reconciler.test.js'],
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
    off: 'an override is not used up',
    file: 'reconciler/leader-term.js',
    find: 'await this.#deps.overrides.remove(setid);',
    replace: '',
    tests: ['reconciler/run-reconciler.test.js'],
  },
];

/** The fence: what keeps a deposed leader from writing, and a wrong picture of the table from being written. */
const FENCE: readonly Mutant[] = [
  {
    name: 'fence-epoch',
    off: 'PostgreSQL takes the writes of a deposed leader',
    file: 'store/migrations/0003_losses.sql',
    find: 'IF v_epoch IS DISTINCT FROM p_epoch THEN',
    replace: 'IF false THEN',
    tests: STORE_TESTS,
  },
  {
    name: 'fence-trace',
    off: 'a refused write leaves no trace',
    file: 'store/migrations/0002_refused_write.sql',
    find: 'PERFORM carna.note_refusal(p_dc, p_epoch, p_plan);',
    replace: '',
    tests: STORE_TESTS,
  },
  {
    name: 'fence-generation',
    off: 'a plan made from another table is committed',
    file: 'store/migrations/0003_losses.sql',
    find: "IF generation <> (p_plan ->> 'base')::bigint THEN",
    replace: 'IF false THEN',
    tests: STORE_TESTS,
  },
  {
    name: 'fence-never-empty',
    off: 'PostgreSQL lets a set become empty against the plan',
    file: 'store/migrations/0003_losses.sql',
    find: 'IF v_emptied IS NOT NULL THEN',
    replace: 'IF false THEN',
    tests: STORE_TESTS,
  },
  {
    name: 'leader-in-doubt',
    off: 'a leader in doubt goes on writing',
    file: 'reconciler/leader-term.js',
    find: '            if (!this.#term.mayWrite())\n                return this.#idle();\n',
    replace: '',
    tests: ['reconciler/run-reconciler.test.js'],
  },
];

/** The applier: what keeps one Kamailio's list right. */
const APPLIER: readonly Mutant[] = [
  {
    name: 'applier-empties',
    off: 'a Kamailio is left with an empty set',
    file: 'topology/live-plan.js',
    find: 'return setids.filter((setid) => alive.has(setid) && !filled.has(setid) && !mayBeEmpty(setid));',
    replace: 'return [];',
    tests: ['topology/live-plan.test.js'],
  },
];

/** The registry layer's guarantees, named as in the titles of their tests. */
const REGISTRY: readonly Mutant[] = [
  {
    name: 'A1-heartbeat',
    off: 'nothing is sent while notices come in',
    file: 'registry/watchdog.js',
    find: 'this.#ports.ping();',
    replace: '',
    tests: ['integration/registry/session-life.test.js'],
  },
  {
    name: 'A2-silence',
    off: 'a silent server is never left',
    file: 'registry/watchdog.js',
    find: 'this.#ports.onSilent();',
    replace: 'undefined;',
    tests: ['integration/registry/ensemble.test.js'],
  },
  {
    name: 'A3-connect-guard',
    off: 'a server that accepts and says nothing is waited for',
    file: 'registry/connection.js',
    find: 'socket.destroy(new Error(`no ${stage} within',
    replace: 'void (new Error(`no ${stage} within',
    tests: ['integration/registry/session-life.test.js'],
  },
  {
    name: 'A4-half-replies',
    off: 'half a reply is kept over a reconnect',
    file: 'registry/connection.js',
    find: 'const frames = new FrameReader(this.#options.maxReplyBytes);',
    replace: 'const frames = (this.kept ??= new FrameReader(this.#options.maxReplyBytes));',
    tests: ['integration/registry/session-operations.test.js'],
  },
  {
    name: 'A5-unknown-codes',
    off: 'replies with codes unknown to the package are left to it',
    file: 'registry/connection.js',
    find: 'if (!KNOWN_CODES.has(replyCode(frame)))',
    replace: 'if (false)',
    tests: ['integration/registry/session-operations.test.js'],
  },
  {
    name: 'A10-recycle',
    off: 'a session out of reach is never given up',
    file: 'registry/watchdog.js',
    find: 'this.#ports.onOutOfReach();',
    replace: 'undefined;',
    tests: ['integration/registry/session-life.test.js'],
  },
  {
    name: 'B2-owner',
    off: 'a znode of our name is adopted whoever owns it',
    file: 'registry/publish.js',
    find: 'else if (found.stat.ephemeralOwner === sid)',
    replace: 'else if (true)',
    tests: ['integration/registry/publish.test.js'],
  },
  {
    name: 'C3-stale',
    off: 'a view without connection calls itself fresh',
    file: 'registry/tree-view.js',
    find: 'else\n                this.#setFresh(false);',
    replace: 'else\n                undefined;',
    tests: ['integration/registry/tree-view.test.js'],
  },
  {
    name: 'C4-wiped',
    off: 'a tree wiped under a living connection goes unnoticed',
    file: 'registry/tree-view.js',
    find: 'if (this.#wasWiped(paths))',
    replace: 'if (false)',
    tests: ['integration/registry/tree-view.test.js'],
  },
  {
    name: 'C6-unlisted',
    off: 'a folder that cannot be listed counts as empty',
    file: 'registry/tree-mirror.js',
    find: 'if (this.#isStarting || this.#unlisted.size > 0)',
    replace: 'if (this.#isStarting)',
    tests: ['integration/registry/herd.test.js'],
  },
  {
    name: 'C1-half-read',
    off: 'what notices bring before a full read has begun counts as the whole',
    file: 'registry/tree-mirror.js',
    find: 'if (this.#isStarting || this.#unlisted.size > 0)',
    replace: 'if (this.#unlisted.size > 0)',
    tests: ['registry/tree-mirror.test.js'],
  },
  {
    name: 'C12-audit',
    off: 'a difference to the server is not healed',
    file: 'registry/tree-audit.js',
    find: 'tree.reread(at);',
    replace: 'undefined;',
    tests: ['integration/registry/tree-audit.test.js'],
  },
  {
    name: 'D5-handover',
    off: 'who resigns keeps its place in the line',
    file: 'registry/leader.js',
    find: 'await leave(race, guid, candidate);',
    replace: 'undefined;',
    tests: ['integration/registry/leader.test.js'],
  },
];

export const MUTANTS: readonly Mutant[] = [...GUARDS, ...FENCE, ...APPLIER, ...REGISTRY];
