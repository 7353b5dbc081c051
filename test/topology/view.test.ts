import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import type { RemoteLink } from '../../src/topology/node.js';
import { deriveTopologyView } from '../../src/topology/view.js';
import type { RoleView, TopologyView, ViewInput } from '../../src/topology/view.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import * as p from '../cli/support.js';

function view(more: Partial<ViewInput> = {}): TopologyView {
  return deriveTopologyView({
    ...p.topology(),
    rows: p.TABLE,
    wiring: DEFAULT_WIRING,
    nowMs: p.NOW,
    ...more,
  });
}

function media(v: TopologyView): RoleView {
  const role = v.roles.find((r) => r.role === 'media');
  assert.ok(role);
  return role;
}

test('a healthy platform has no problem and is proven everywhere', () => {
  const v = view();
  assert.deepEqual(v.problems, []);
  assert.deepEqual([v.proven, v.consumers], [3, 3]);
  assert.deepEqual(
    media(v).nodes.map((node) => node.nodeId),
    ['media-1', 'media-2', 'media-10'],
  );
  assert.deepEqual(media(v).sets, [
    { setid: 30, consumerRoles: ['dispatcher'], consumers: 2, proven: 2, lagging: [] },
  ]);
});

test('an intent shows as draining before the agent has announced it', () => {
  const v = view({ intents: p.byId([p.intent('media-2')]) });
  const node = media(v).nodes[1];
  assert.equal(node?.state, 'draining');
  assert.equal(node?.published, 'up');
  assert.deepEqual(media(v).counts, { up: 2, draining: 1, down: 0, starting: 0, silent: 0 });
});

test('a row of ours without a znode is a silent node; rows of others are not', () => {
  const foreign = { ...p.row(30, 'x', '10.9.9.9'), description: 'trunk' };
  const v = view({ rows: [...p.TABLE, p.row(30, 'media-7', '10.0.3.7', 9), foreign] });
  assert.equal(media(v).counts.silent, 1);
  assert.deepEqual(
    v.problems.map((problem) => `${problem.kind} ${problem.what}`),
    ['silent media-7'],
  );
});

test('a node that moved to another address is not silent, nor is one whose name ends alike', () => {
  const moved = view({ rows: [...p.TABLE, p.row(30, 'media-1', '10.0.3.99', 4)] });
  assert.equal(media(moved).counts.silent, 0);
  const alike = view({ rows: [...p.TABLE, p.row(30, 'dia-1', '10.0.3.99', 9)] });
  assert.equal(media(alike).counts.silent, 1);
});

test('a name cut in the description still finds its node', () => {
  const nodeId = `media.${'x'.repeat(80)}.1`;
  const nodes = p.topology({ nodes: [p.node('media', nodeId, '10.0.3.50')] }).nodes;
  const v = view({ nodes, rows: [p.row(30, nodeId, '10.0.3.49', 4)] });
  assert.equal(media(v).counts.silent, 0);
});

test('a Kamailio whose hash differs lags in that set only, with its reason', () => {
  const drift = p.applied(p.DISP2, { sets: { '30': 'cccc' }, drift: 'media-1 is disabled here' });
  const v = view({ applied: p.byId([p.applied(p.LB), p.applied(p.DISP1), drift]) });
  const why = 'media-1 is disabled here';
  assert.deepEqual(media(v).sets[0]?.lagging, [{ nodeId: 'disp-2', why }]);
  assert.deepEqual([v.proven, v.consumers], [2, 3]);
  assert.deepEqual(
    v.problems.map((problem) => problem.text),
    ['disp-2 does not prove set 30: media-1 is disabled here'],
  );
});

test('of a lost set a Kamailio that started without it is told as such, and what is kept is no count of changes', () => {
  const why = 'PostgreSQL lost all rows of set 30';
  const lost = { setid: 30, rule: 'never-empty', why, sinceMs: p.NOW - 42_000, count: 1 } as const;
  const generation = { ...p.GENERATION, held: [{ ...lost, destinations: [] }] };
  const fresh = p.applied(p.DISP2, { sets: {} });
  const v = view({ generation, applied: p.byId([p.applied(p.LB), p.applied(p.DISP1), fresh]) });
  assert.deepEqual(
    v.problems.map((problem) => problem.text),
    [
      `set 30: its lists in the Kamailios kept for 42 s: ${why}`,
      'disp-2 does not prove set 30: has no list of it, PostgreSQL lost the rows',
    ],
  );
  const one = { ...generation, held: [{ ...lost, destinations: ['sip:10.0.3.1:5060'] }] };
  assert.match(view({ generation: one }).problems[0]?.text ?? '', /^set 30: 1 change held back/);
});

test('an older generation with the same rows of a set still proves that set', () => {
  const older = p.applied(p.DISP2, { generation: 1841 });
  const v = view({ applied: p.byId([p.applied(p.LB), p.applied(p.DISP1), older]) });
  assert.equal(media(v).sets[0]?.proven, 2);
  assert.equal(v.proven, 2);
});

test('what is wrong is listed, the worst first', () => {
  const down = { ...p.MEDIA1, state: 'down' as const, reason: 'exited (signal 9)' };
  const late = { ...p.MEDIA2, state: 'draining' as const };
  const v = view({
    nodes: p.topology({ nodes: [p.LB, p.DISP1, p.DISP2, down, late] }).nodes,
    intents: p.byId([p.intent('media-2', { deadline: p.NOW - 5000 })]),
    refused: [{ what: 'nodes/x~1', why: 'not JSON' }],
    conflicts: [{ what: '10.0.3.1:5060', why: 'claimed by a and b' }],
  });
  assert.deepEqual(
    v.problems.map((problem) => problem.kind),
    ['nobody-up', 'down', 'silent', 'overdue', 'conflict', 'refused'],
  );
});

test('without a committed generation nothing is proven, and that is one problem', () => {
  const v = view({ generation: null });
  assert.deepEqual([v.proven, v.consumers], [0, 3]);
  assert.deepEqual(
    v.problems.map((problem) => problem.kind),
    ['no-generation'],
  );
});

/** Media of dc2 in the table, and what the leader says of dc2. */
const FAR = (['media-1', 'media-2'] as const).map((nodeId, at) => ({
  setid: 130,
  destination: `sip:10.1.3.${at + 1}:5060`,
  flags: at === 0 ? 8 : 4,
  priority: 0,
  attrs: '',
  description: describeRow(`dc2/${nodeId}`),
}));

function remoteView(link: RemoteLink | null, more: Partial<ViewInput> = {}): TopologyView {
  const { generation } = p.topology();
  assert.ok(generation);
  const remotes = link === null ? [] : [{ dc: 'dc2', link, sinceMs: p.NOW - 34_000 }];
  const rows = [...p.TABLE, ...FAR];
  return view({ generation: { ...generation, remotes }, rows, ...more });
}

test('rows of another data centre are its own, not those of silent nodes here', () => {
  const v = remoteView('linked');
  assert.deepEqual(v.problems, []);
  assert.equal(media(v).counts.silent, 0);
  assert.deepEqual(
    v.remotes.map(({ dc, link, nodes }) => [
      dc,
      link,
      nodes.map(({ name, flags }) => `${name} ${flags}`),
    ]),
    [['dc2', 'linked', ['dc2/media-1 8', 'dc2/media-2 4']]],
  );
});

for (const [link, text] of [
  ['stale', 'dc2 cannot be read for 34 s: its 2 rows stay as they were'],
  [
    'unread',
    'dc2 could not be read for 34 s, since the leader began: its 2 rows stay as they were',
  ],
  [null, 'dc2 is not read by the leader (CARNA_REMOTE_ZOOKEEPERS), its 2 rows stay as they were'],
] as const) {
  test(`a data centre that is not read is a problem: ${link ?? 'unwatched'}`, () => {
    assert.deepEqual(remoteView(link).problems, [
      { kind: 'remote', what: 'dc2', text, next: 'carna dispatcher --set 130' },
    ]);
  });
}

test('without media of our own it says who carries the calls', () => {
  const nodes = p.topology().nodes;
  const down = new Map(
    [...nodes].map(([id, node]) =>
      node.record.role === 'media'
        ? [id, { ...node, record: { ...node.record, state: 'down' as const } }]
        : [id, node],
    ),
  );
  const [first] = remoteView('linked', { nodes: down }).problems;
  assert.equal(first?.text, 'set 30: no media is up, its calls are carried by dc2 (1 in set 130)');
});
