import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TopologyData } from '../../src/cli/operator-data.js';
import { json } from '../marathon/client/fake-marathon.js';
import { mediaWorld, NEW, rollout } from './rollout-world.js';
import { interruptNextChange, loseNextAnswer } from './run-in-world.js';
import type { Terminal } from './support.js';

for (const isLost of [false, true]) {
  const answer = isLost ? 'an answer that is lost' : 'the answer';
  test(`Ctrl-C before ${answer} leaves what was sent to Marathon, and says so`, async () => {
    const world = mediaWorld();
    if (isLost) loseNextAnswer(world, '');
    const { code, out, err } = await rollout(world, NEW, '--yes', interruptNextChange(world));
    assert.match(out, /Deployment d-4\.\nd-4 goes on in Marathon, node by node; nobody watches/);
    assert.match(out, /Stop it where it stands: carna rollout media --cancel\n$/);
    assert.deepEqual([code, err], [1, '']);
    assert.equal(world.changes.length, 1);
  });
}

const BUSY: readonly [string, (response: ServerResponse) => void][] = [
  ['a 429 in HTML', (r) => r.writeHead(429, { 'content-type': 'text/html' }).end('<html>slowly')],
  ['a 429 in JSON', (r) => json(r, 429, { message: 'rate limited' })],
  ['a 408 without body', (r) => r.writeHead(408).end()],
];

for (const [name, answer] of BUSY) {
  test(`${name} from a proxy, to any question in the middle, ends nothing`, async () => {
    const world = mediaWorld();
    const asked = new Map<string, number>();
    world.intercept = ({ method, url }, response) => {
      if (method !== 'GET' || world.changes.length === 0) return false;
      const count = (asked.get(url) ?? 0) + 1;
      asked.set(url, count);
      if (count !== 4) return false;
      answer(response);
      return true;
    };
    const { code, out, err } = await rollout(world, NEW);
    assert.match(out, /cannot be asked now, the rollout goes on in Marathon: GET \/v2\/apps\//);
    assert.match(out, /is rolled out/);
    assert.deepEqual([code, err], [0, '']);
  });
}

test('ZooKeeper goes away at the question: exit code 3, nothing is changed', async () => {
  const world = mediaWorld();
  let isFresh = true;
  const readTopology = async (): Promise<TopologyData> => ({
    ...(await world.data().readTopology()),
    isFresh,
  });
  const terminal = {
    ...{ columns: 200, input: 'y\n' },
    onOutput: (text: string) => void (isFresh &&= !text.includes('[y/N]')),
  };
  const { code, err } = await rollout(world, NEW, '', terminal, { readTopology });
  assert.match(err, /ZooKeeper is away: what is known of the nodes is old/);
  assert.deepEqual([code, world.changes], [3, []]);
});

test('Ctrl-C while the dry run is made just before the change: nothing is sent, told as left', async () => {
  const world = mediaWorld();
  let leave: (() => void) | null = null;
  world.intercept = ({ url }) => {
    if (!url.includes('dryRun') || leave === null) return false;
    leave();
    return true;
  };
  const terminal: Terminal = { onOutput: (_, interrupt) => (leave = interrupt) };
  const { code, out, err } = await rollout(world, NEW, '--yes', terminal);
  assert.match(out, /\nLeft before anything was sent: nothing was changed\. Next: carna rollout /);
  assert.deepEqual([code, err, world.changes], [1, '', []]);
});

test('what ends the watching does not hide that the rollout goes on', async () => {
  const world = mediaWorld();
  world.intercept = ({ method }, response) => {
    if (method === 'PUT' || world.changes.length === 0) return false;
    json(response, 401, { message: 'who are you?' });
    return true;
  };
  const { code, out, err } = await rollout(world, NEW);
  assert.match(out, /goes on in Marathon, node by node[^]*Follow it again[^]*media --cancel\n$/);
  assert.match(err, /401: who are you\?/);
  assert.equal(code, 1);
});
