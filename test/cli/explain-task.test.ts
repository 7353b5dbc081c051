import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import * as p from './support.js';
import { ONE, TWO, THREE, deployment, mediaNode, task, withWorld } from './tasks-world.js';

const DEPLOYED: Partial<OperatorData> = {
  readTopology: async () => p.topology({ nodes: [p.DISP1, { ...mediaNode(ONE), weight: 100 }] }),
  readTable: async () => [p.row(30, ONE, '10.0.3.1')],
};

test('explain begins with the Marathon task: its host, its age, its lock', async () => {
  await withWorld({ tasks: [task(ONE)], deployments: [deployment(1)] }, async (terminal) => {
    const { out } = await p.carna(`explain ${ONE}`, p.fakeData(DEPLOYED), terminal);
    assert.match(
      out,
      /\n ✔ task {6}TASK_RUNNING on 10\.0\.3\.1, of \/prod\/dc1\/media, for 60 min\n/,
    );
    assert.match(out, /\n {13}deployment d-7 holds the app: step 1 of 3\n \? process/);
  });
});

test('explain knows a task that has no node', async () => {
  await withWorld({ tasks: [task(THREE)] }, async (terminal) => {
    const { code, out } = await p.carna(`explain ${THREE}`, p.fakeData(), terminal);
    assert.match(out, /its task runs, but no node is published/);
    assert.equal(code, 1);
    const unknown = await p.carna(`explain ${TWO}`, p.fakeData(), terminal);
    assert.match(unknown.err, /no node is called/);
  });
});

test('explain with Marathon away: a doubt, the same exit code', async () => {
  const env = { CARNA_MARATHON: 'http://127.0.0.1:1', CARNA_MARATHON_TIMEOUT_MS: '300' };
  const { code, out } = await p.carna(`explain ${ONE}`, p.fakeData(DEPLOYED), { env });
  assert.match(out, /\n \? task {6}Marathon did not say: /);
  const without = await p.carna(`explain ${ONE}`, p.fakeData(DEPLOYED));
  assert.equal(code, without.code);
});
