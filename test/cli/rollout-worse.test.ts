import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { MarathonWorld } from './marathon-world.js';
import { MEDIA, mediaWorld, NEW, oneByOne, rollout, versions } from './rollout-world.js';
import { carryOut, loseNextAnswer } from './run-in-world.js';
import { GENERATION } from './support.js';
import type { WorldTask } from './world-nodes.js';

test('a new node that is not listed in time stops it; the old nodes stay', async () => {
  const world = mediaWorld(
    oneByOne((task) => {
      task.isListed = false;
    }),
  );
  const { code, out } = await rollout(world, NEW, '--ready-timeout 30s --yes');
  assert.match(
    out,
    /✘ The new version is worse:\n {4}prod_.*: it is up and not listed everywhere in time\n/,
  );
  assert.match(out, /d-\d+ is stopped: no further old node is taken away/);
  assert.equal(code, 1);
  assert.deepEqual(versions(world), [1, 1, 2]);
  assert.match(world.changes[1] ?? '', /^DELETE \/v2\/deployments\/d-\d+\?force=true$/);
  assert.equal(world.changes.length, 2);
});

test('the same file after a rollout that was stopped says who still runs the earlier definition', async () => {
  const world = mediaWorld(
    oneByOne((task) => {
      task.isListed = false;
    }),
  );
  const stopped = await rollout(world, NEW, '--ready-timeout 30s --yes');
  assert.equal(stopped.code, 1);
  const { code, out } = await rollout(world, NEW, '');
  assert.match(out, /2 of 3 nodes still run an earlier definition\./);
  assert.match(out, /Next: carna rollout media restarts all nodes with that definition/);
  assert.equal(code, 1);
  assert.equal(world.changes.length, 2);
  world.apps.get(MEDIA)?.tasks.forEach((task) => (task.isListed = true));
  world.play = oneByOne();
  const on = await rollout(world, null);
  assert.equal(on.code, 0, on.out);
  assert.deepEqual(versions(world), [3, 3, 3]);
});

test('an agent that announces its node before its server has an id is no worse', async () => {
  const world = mediaWorld((of, ids) => {
    let latest: (() => void) | null = null;
    const step = oneByOne((task) => {
      const up = { nodeState: 'up', isListed: true, instanceId: task.instanceId };
      Object.assign(task, { nodeState: 'starting', isListed: false, instanceId: 'of the agent' });
      latest = () => Object.assign(task, up);
    })(of, ids, '');
    return () => {
      const wasSeen = latest;
      latest = null;
      wasSeen?.();
      return step();
    };
  });
  const { code, out } = await rollout(world, NEW);
  assert.equal(code, 0, out);
  assert.deepEqual(versions(world), [2, 2, 2]);
});

/** What a new node may do that is worse, some looks after it was listed. */
const WORSE: readonly [string, (task: WorldTask, world: MarathonWorld) => void, RegExp][] = [
  ['goes down', (task) => (task.nodeState = 'down'), /it was up and went down: checks succeed/],
  ['starts its server anew', (task) => (task.instanceId = 'other'), /its server was started again/],
  ['fell silent', (task) => (task.nodeState = null), /it was up and fell silent/],
  ['failed', (task) => (task.state = 'TASK_FAILED'), /it ended: TASK_FAILED/],
  [
    'vanished',
    (task, world) => {
      const app = world.apps.get(MEDIA);
      if (app !== undefined) app.tasks = app.tasks.filter((one) => one !== task);
    },
    /it is gone: it ended, or Marathon killed it/,
  ],
  ['lost its host', (task) => (task.state = 'TASK_UNREACHABLE'), /its host h1 is unreachable/],
];

for (const [name, spoil, words] of WORSE) {
  test(`a new node that ${name} stops it`, async () => {
    let looks = 0;
    const world = mediaWorld((of, ids) => {
      const started: WorldTask[] = [];
      const step = oneByOne((task) => started.push(task))(of, ids, '');
      return () => {
        const [first] = started;
        if (first !== undefined && ++looks === 3) spoil(first, of);
        return looks < 3 ? step() : false;
      };
    });
    const { code, out } = await rollout(world, NEW);
    assert.match(out, words);
    assert.match(out, /is stopped/);
    assert.equal(code, 1);
    assert.ok(versions(world).filter((version) => version === 1).length >= 1);
    assert.equal(world.changes.filter((one) => one.startsWith('DELETE')).length, 1);
  });
}

test('agent and witness that disagree for long stop it; for a moment they do not', async () => {
  const world = mediaWorld(oneByOne());
  const contradict = (of: MarathonWorld, sinceMs: number): Partial<OperatorData> => ({
    readTopology: async () => {
      const topology = await of.data().readTopology();
      const fresh = of.apps.get(MEDIA)?.tasks.find(({ version }) => version === 2);
      const nodes = fresh === undefined ? [] : [disagreed(fresh.id, sinceMs)];
      const generation = {
        ...(topology.generation ?? GENERATION),
        witnessed: { counts: {}, nodes },
      };
      return { ...topology, generation };
    },
  });
  const { code, out } = await rollout(world, NEW, '--yes', {}, contradict(world, 0));
  assert.match(out, /its agent says up, and it does not answer the reconciler at sip:10\.0\.0\.1/);
  assert.equal(code, 1);
  const other = mediaWorld();
  const fine = await rollout(other, NEW, '--yes', {}, contradict(other, Number.MAX_SAFE_INTEGER));
  assert.equal(fine.code, 0);
});

function disagreed(
  nodeId: string,
  sinceMs: number,
): {
  nodeId: string;
  finding: 'disagreed';
  destination: string;
  sinceMs: number;
} {
  return { nodeId, finding: 'disagreed', destination: 'sip:10.0.0.1', sinceMs };
}

test('roll-back lets Marathon bring the earlier definition back, and is followed', async () => {
  const world = mediaWorld(
    oneByOne((task) => {
      task.nodeState = 'down';
      task.isListed = false;
    }),
  );
  const { code, out } = await rollout(
    world,
    NEW,
    '--on-worse roll-back --ready-timeout 10s --yes',
    {
      onOutput: (text) => {
        if (text.includes('is worse')) world.play = () => () => true;
      },
    },
  );
  assert.match(out, /it is not up in time: down/);
  assert.match(out, /Marathon rolls back \(d-\d+\)[^]*Rolled back\./);
  assert.equal(code, 1);
  assert.match(world.changes[1] ?? '', /^DELETE \/v2\/deployments\/d-\d+$/);
});

/** How the answer to the end of a rollout is lost, before or after it was done. */
const LOST: readonly [string, (world: MarathonWorld) => void][] = [
  ['is done', (world) => loseNextAnswer(world, '', 'DELETE')],
  [
    'is done later',
    (world) => {
      let tries = 0;
      world.intercept = (seen, response) => {
        if (seen.method !== 'DELETE') return false;
        if (++tries === 1) {
          response.writeHead(502).end();
          return true;
        }
        world.intercept = () => false;
        carryOut(world, seen);
        return false;
      };
    },
  ],
];

for (const [name, lose] of LOST) {
  test(`a roll-back that ${name} and whose answer is lost is found, and followed`, async () => {
    const world = mediaWorld(
      oneByOne((task) => {
        task.nodeState = 'down';
        task.isListed = false;
      }),
    );
    const { code, out } = await rollout(
      world,
      NEW,
      '--on-worse roll-back --ready-timeout 10s --yes',
      {
        onOutput: (text) => {
          if (!text.includes('is worse')) return;
          let looks = 0;
          world.play = () => () => ++looks > 3;
          lose(world);
        },
      },
    );
    assert.match(out, /Marathon rolls back \(d-\d+\)[^]*Rolled back\./);
    assert.doesNotMatch(out, /nothing left to stop/);
    assert.equal(code, 1);
  });
}
