import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { json, misfits, taskId, withFake } from '../marathon/client/fake-marathon.js';
import * as p from './support.js';
import {
  at,
  MEDIA,
  ONE,
  TWO,
  THREE,
  deployment,
  mediaNode,
  task,
  waiting,
  withNodes,
  withWorld,
} from './tasks-world.js';

/** Without the tree, which others test. */
const afterTree = (out: string): string => out.slice(out.indexOf('Marathon '));

test('the answers of this test are valid ones', () => {
  assert.deepEqual(misfits('deployments.response', [deployment(2)]), []);
  assert.deepEqual(misfits('tasks.response', { tasks: [task(ONE)] }), []);
});

test('topology: counts, deployment, task without node, node without task, waiting, outside', async () => {
  const tasks = [task(ONE), task(THREE, { host: '10.0.3.3', startedAt: at(40_000) })];
  const world = { tasks, instances: 3, deployments: [deployment(2)], queue: [waiting] };
  await withWorld(world, async (terminal) => {
    const data = p.fakeData(withNodes(mediaNode(ONE), mediaNode(TWO), mediaNode('x', '/other')));
    const { code, out } = await p.carna('topology', data, terminal);
    assert.equal(
      afterTree(out),
      `Marathon /prod/dc1 · media 2/3 (1 waits for a host)
  deployment d-7 changes media, registrar: step 2 of 3
  3 nodes started by other means than Marathon: lb-1, disp-1, disp-2
  1 node of other apps: x

3 problems
  ${MEDIA} does not list the task of ${TWO}  → carna explain ${TWO}
  media: a task runs on 10.0.3.3 for 40 s but no node is published (${THREE})  → on 10.0.3.3: docker ps -a --filter label=MESOS_TASK_ID=${THREE}
  media: 1 instance waits for a host: InsufficientCpus (4 of 4 offers)  → give it a host that fits, or take the wish back: carna scale media 2
`,
    );
    assert.equal(code, 0);
  });
});

test('topology --json grows by tasks and marathonError', async () => {
  const tasks = [task(ONE), task(taskId('2', 2), { startedAt: at(1_000) })];
  await withWorld({ tasks }, async (terminal) => {
    const data = p.fakeData(withNodes(mediaNode(ONE), mediaNode(TWO)));
    const { out } = await p.carna('topology --json', data, terminal);
    const said = JSON.parse(out) as { tasks: Record<string, unknown[]>; marathonError: unknown };
    assert.equal(said.marathonError, null);
    assert.deepEqual(Object.keys(said.tasks), [
      ...['group', 'apps', 'tasksWithoutNode', 'nodesWithoutTask', 'outside', 'deployments'],
      'waiting',
    ]);
    assert.deepEqual(said.tasks['nodesWithoutTask'], [
      { nodeId: TWO, taskId: TWO, appId: MEDIA, relaunchedAs: taskId('2', 2) },
    ]);
  });
  const { out } = await p.carna('topology --json');
  const without = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual([without['tasks'], without['marathonError']], [null, null]);
});

test('without Marathon configured nothing is said of it', async () => {
  const { out } = await p.carna('topology');
  assert.doesNotMatch(out, /Marathon/);
});

for (const columns of [40, 60, 80]) {
  test(`the join never writes wider than ${columns} columns, and NO_COLOR is obeyed`, async () => {
    const tasks = [task(ONE), task(THREE, { state: 'TASK_STAGING', startedAt: null })];
    const world = { tasks, instances: 3, deployments: [deployment(2)], queue: [waiting] };
    await withWorld(world, async ({ env }) => {
      const data = p.fakeData(withNodes(mediaNode(TWO)));
      const plain = { columns, env: { ...env, NO_COLOR: '1' } };
      const { out } = await p.carna('topology', data, plain);
      for (const line of out.split('\n')) assert.ok([...line].length <= columns, line);
      assert.ok(!out.includes('\x1b') && out.includes('step 2 of 3'));
      const coloured = await p.carna('topology', data, { columns: 200, env: env ?? {} });
      assert.ok(coloured.out.includes('\x1b[33mmedia 1/3'), coloured.out);
      assert.doesNotMatch(coloured.out, /\?\[/);
    });
  });
}

const NONSENSE: readonly (readonly [string, (response: ServerResponse) => void, RegExp])[] = [
  ['HTML', (r) => r.end('<html>502</html>'), /expected JSON, found something/],
  ['nothing', (r) => r.end(), /expected JSON, found an empty body/],
  ['half a JSON', (r) => r.end('{"app":{"id"'), /expected JSON, found something/],
  ['another JSON', (r) => r.end('{"hello":1}'), /app\b|deployments|queue|answer/],
  ['500', (r) => r.writeHead(500).end('oops'), /500/],
  ['401', (r) => json(r, 401, { message: 'who\x1b[2J are you' }), /who\?\[2J are you|401/],
  ['never', () => undefined, /300 ms|no answer/],
];

for (const [name, reply, why] of NONSENSE) {
  test(`Marathon answers ${name}: the topology as before, and why its tasks are missing`, async () => {
    await withFake(
      (_, response) => reply(response),
      async ({ url }) => {
        const env = { CARNA_MARATHON: url, CARNA_MARATHON_TIMEOUT_MS: '300' };
        const { code, out, err } = await p.carna('topology', p.fakeData(), { env });
        const before = await p.carna('topology');
        assert.ok(out.startsWith(before.out), out);
        assert.match(out, /\ntasks and deployments are not shown: .*\n$/);
        assert.match(out.slice(before.out.length), why);
        assert.deepEqual([code, err, before.code], [0, '', 0]);
        const { out: text } = await p.carna('topology --json', p.fakeData(), { env });
        const said = JSON.parse(text) as Record<string, unknown>;
        assert.deepEqual([said['tasks'], typeof said['marathonError']], [null, 'string']);
      },
    );
  });
}

test('no Marathon listens: one line, exit code 0', async () => {
  const env = { CARNA_MARATHON: 'http://127.0.0.1:1', CARNA_MARATHON_TIMEOUT_MS: '300' };
  const { code, out } = await p.carna('topology', p.fakeData(), { env });
  assert.match(out, /tasks and deployments are not shown: .*127\.0\.0\.1:1/);
  assert.equal(code, 0);
});

test('settings of Marathon that cannot be used do not take the tree away', async () => {
  const env = { CARNA_MARATHON: 'http://127.0.0.1:1', CARNA_MARATHON_CA: '/nowhere.pem' };
  const { code, out } = await p.carna('topology', p.fakeData(), { env });
  assert.match(out, /media-1/);
  assert.match(out, /tasks and deployments are not shown: .*CARNA_MARATHON_CA/s);
  assert.equal(code, 0);
});

/** A registry that rings over and over, although nothing changes in it. */
function ringing(more: Partial<OperatorData>): OperatorData {
  const data = p.fakeData(more);
  const watchTopology: OperatorData['watchTopology'] = async (listener, signal) => {
    while (!signal.aborted) {
      listener(await data.readTopology());
      await new Promise((next) => setImmediate(next));
    }
  };
  return { ...data, watchTopology };
}

test('topology --watch in a pipe tells what changes in Marathon, line by line', async () => {
  const tasks = [task(ONE), task(TWO)];
  await withWorld({ tasks }, async (terminal, world) => {
    const told: string[] = [];
    let isChanged = false;
    const { code, listeners } = await p.carna(
      'topology --watch',
      ringing(withNodes(mediaNode(ONE), mediaNode(TWO))),
      {
        ...terminal,
        tickMs: 3_000,
        onOutput: (text, interrupt) => {
          told.push(text);
          if (!isChanged) {
            isChanged = true;
            world.tasks = [task(ONE)];
            world.deployments = [deployment(1)];
          } else if (text.includes('does not list')) interrupt();
        },
      },
    );
    const out = told.join('');
    assert.match(out, /Marathon \/prod\/dc1 · media 2\/2\n/);
    assert.match(out, /12:00:\S+ {2}tasks of media {2}2\/2 → 1\/2 running\n/);
    assert.match(out, /deployment d-7 changes media, registrar: step 1 of 3\n/);
    assert.deepEqual([code, listeners], [0, 0]);
  });
});
