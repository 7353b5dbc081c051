import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNode } from '../../src/topology/explain.js';
import type { Chain } from '../../src/topology/explain.js';
import type { TaskAnswer } from '../../src/topology/explain-facts.js';
import type { AppFact, TaskFact } from '../../src/topology/tasks.js';
import { nodes } from './explain-world.js';
import * as w from './explain-world.js';
import { NOW_MS } from './records.js';

const APP = '/carna/dc1/media';
const ID = 'carna_dc1_media.instance-00000000-0000-0000-0000-000000000001._app.1';

const task = (part: Partial<TaskFact> = {}): TaskFact => ({
  taskId: ID,
  host: 'h1',
  state: 'TASK_RUNNING',
  sinceMs: NOW_MS - 9_000,
  version: '2026-01-02T00:00:00.000Z',
  ...part,
});

const app = (tasks: readonly TaskFact[], part: Partial<AppFact> = {}): AppFact => ({
  ...{ appId: APP, name: 'media', wanted: 1, running: 1, staged: 0, unhealthy: 0, tasks },
  version: '2026-01-03T00:00:00.000Z',
  configVersion: '2026-01-02T00:00:00.000Z',
  deploymentIds: [],
  ...part,
});

const told = (found: AppFact | null): TaskAnswer => {
  const deployments = [{ id: 'd-7', appIds: [APP], step: 1, steps: 2 }];
  return { kind: 'told', taskId: ID, appId: APP, app: found, deployments };
};

const linkIn = (chain: Chain) => chain.links.find(({ link }) => link === 'task');
const explain = (answer: TaskAnswer): Chain => explainNode(w.facts({ task: answer }));

test('nobody asked: the chain is as it was', () => {
  const chain = explain({ kind: 'unasked' });
  assert.equal(linkIn(chain), undefined);
  assert.equal(chain.links[0]?.link, 'process');
});

test('a listed task comes first, with its host, its app and since when', () => {
  const chain = explain(told(app([task()])));
  assert.deepEqual(
    chain.links.slice(0, 2).map(({ link, state }) => [link, state]),
    [
      ['task', 'ok'],
      ['process', 'ok'],
    ],
  );
  const link = linkIn(chain);
  assert.deepEqual(
    [link?.text, link?.sinceMs, link?.details],
    [`TASK_RUNNING on h1, of ${APP}`, NOW_MS - 9_000, []],
  );
});

const DOUBTS: readonly (readonly [string, TaskAnswer, RegExp])[] = [
  ['Marathon away', { kind: 'unread', why: 'refused' }, /^Marathon did not say: refused$/],
  ['no such app', told(null), /^Marathon has no app \/carna\/dc1\/media /],
  ['not listed', told(app([])), /does not list .*_app\.1: it ended$/],
  ['ended', told(app([task({ state: 'TASK_KILLED' })])), /does not list .*: it ended$/],
  [
    'launched again',
    told(app([task({ taskId: ID.replace(/1$/, '2') })])),
    /launched again as .*_app\.2, which is another node$/,
  ],
  [
    'its host is not heard',
    told(app([task({ state: 'TASK_UNREACHABLE' })])),
    /^TASK_UNREACHABLE on h1/,
  ],
];

for (const [name, answer, text] of DOUBTS) {
  test(`${name}: a doubt that neither breaks the chain nor clouds its answer`, () => {
    const chain = explain(answer);
    assert.equal(linkIn(chain)?.state, 'unknown');
    assert.match(linkIn(chain)?.text ?? '', text);
    const without = explain({ kind: 'unasked' });
    assert.deepEqual(chain, { ...without, links: [linkIn(chain), ...without.links] });
  });
}

test('by other means than Marathon is no doubt', () => {
  assert.equal(linkIn(explain({ kind: 'no-task' }))?.state, 'ok');
});

test('an older version and a lock are told beside it', () => {
  const newer = { configVersion: '2026-01-03T00:00:00.000Z', deploymentIds: ['d-7', 'd-8'] };
  assert.deepEqual(linkIn(explain(told(app([task()], newer))))?.details, [
    'it runs version 2026-01-02T00:00:00.000Z, the app is at 2026-01-03T00:00:00.000Z: not rolled out to it yet',
    'deployment d-7 holds the app: step 1 of 2',
    'deployment d-8 holds the app',
  ]);
});

test('a task that runs without a node ends the chain at the registry, by name', () => {
  const unpublished = { nodes: nodes(w.D1, w.D2), rows: [], nodeId: ID };
  const chain = explainNode(w.facts({ ...unpublished, task: told(app([task()])) }));
  assert.deepEqual([chain.broken, chain.fault], ['registry', 'unpublished']);
  assert.match(chain.next[0] ?? '', /on h1: docker ps -a --filter label=MESOS_TASK_ID=/);
  const none = explainNode(w.facts({ ...unpublished, task: told(null) }));
  assert.equal(none.fault, 'gone');
  assert.match(linkIn(none)?.text ?? '', /lists no task of this name/);
});
