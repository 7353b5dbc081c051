import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownersOf, planOrphans } from '../../src/agent/runtime/docker-orphans.js';
import type { ContainerSummary } from '../../src/agent/runtime/docker-port.js';
import { OWN_ID, summary } from './support/docker-fakes.js';

interface Case {
  readonly name: string;
  readonly node?: string;
  readonly owner: string;
  readonly status?: string;
  /** Id of our container; default: in one. */
  readonly ownId?: string;
  /** "adopt", "keep", or why it is removed. */
  readonly wanted: string;
}

const gone = "its agent's container is gone";
const cases: readonly Case[] = [
  { name: 'our own server that runs is taken over', owner: OWN_ID, wanted: 'adopt' },
  { name: 'also while it is paused', owner: OWN_ID, status: 'paused', wanted: 'adopt' },
  {
    name: 'our own that ended is removed',
    owner: OWN_ID,
    status: 'exited',
    wanted: 'it is exited',
  },
  { name: 'our own that never started', owner: OWN_ID, status: 'created', wanted: 'it is created' },
  { name: 'one under removal is left to it', owner: OWN_ID, status: 'removing', wanted: 'keep' },
  { name: 'our node’s, of an older container of ours', owner: 'older', wanted: gone },
  { name: 'our node’s, of another agent that lives', owner: 'living', wanted: 'keep' },
  {
    name: 'our node’s, of an agent on the host',
    owner: '',
    wanted: 'its agent ran outside this container',
  },
  { name: 'outside Docker: our own is taken over', owner: '', ownId: '', wanted: 'adopt' },
  { name: 'outside Docker: of a dead container', owner: 'older', ownId: '', wanted: gone },
  { name: 'outside Docker: of a living one', owner: 'living', ownId: '', wanted: 'keep' },
  { name: 'another node’s, its agent lives', node: 'n2', owner: 'living', wanted: 'keep' },
  {
    name: 'another node’s that just ended, its agent lives',
    node: 'n2',
    owner: 'living',
    status: 'exited',
    wanted: 'keep',
  },
  { name: 'another node’s, its agent is gone', node: 'n2', owner: 'older', wanted: gone },
  { name: 'another node’s, of an agent on the host', node: 'n2', owner: '', wanted: 'keep' },
  {
    name: 'the same when it ended',
    node: 'n2',
    owner: '',
    status: 'exited',
    wanted: 'it is exited',
  },
];

function of(node: string, owner: string, status: string): ContainerSummary {
  const labels = {
    'carna.task': '',
    'carna.instance': 'i',
    'carna.node': node,
    'carna.owner': owner,
  };
  return summary({ labels, status });
}

for (const { name, node = 'n1', owner, status = 'running', ownId = OWN_ID, wanted } of cases) {
  test(`what an agent finds: ${name}`, () => {
    const containers = [of(node, owner, status)];
    const livingOwners = new Set(['living', OWN_ID]);
    const plan = planOrphans({ nodeId: 'n1', ownId, containers, livingOwners });
    const [removal] = plan.remove;
    const found = plan.adopt !== null ? 'adopt' : (removal?.why ?? 'keep');
    assert.equal(found, wanted);
    assert.equal(removal?.isOwnNode ?? node === 'n1', node === 'n1');
  });
}

test('nothing without all of Carna’s labels is removed', () => {
  const containers = [{}, { 'carna.task': 't' }, { 'carna.task': 't', 'carna.owner': 'older' }].map(
    (labels) => summary({ labels, status: 'exited' }),
  );
  const world = { nodeId: 'n1', ownId: OWN_ID, containers, livingOwners: new Set<string>() };
  assert.deepEqual(planOrphans(world), { adopt: null, remove: [] });
  assert.deepEqual(ownersOf(containers), []);
});

test('of two servers of this node the younger is taken over', () => {
  const containers = [1, 3, 2].map((createdSeconds) =>
    summary({ createdSeconds, name: `c${createdSeconds}` }),
  );
  const world = { nodeId: 'n1', ownId: OWN_ID, containers, livingOwners: new Set<string>() };
  const plan = planOrphans(world);
  assert.equal(plan.adopt?.name, 'c3');
  assert.deepEqual(
    plan.remove.map((r) => r.container.name),
    ['c2', 'c1'],
  );
});

test('each owner is asked for once', () =>
  assert.deepEqual(
    ownersOf([summary(), summary(), of('n2', 'x', 'running'), of('n2', '', 'dead')]),
    [OWN_ID, 'x'],
  ));
