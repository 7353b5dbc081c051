import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { MarathonWorld } from './marathon-world.js';
import { appOf, MEDIA, mediaWorld, NEW, oneByOne, rollout, versions } from './rollout-world.js';
import { loseNextAnswer } from './run-in-world.js';

test('every node is drained and replaced, one after the other', async () => {
  const world = mediaWorld();
  const { code, out, listeners } = await rollout(world, NEW);
  assert.match(
    out,
    /^\/prod\/dc1\/media: 3 nodes replaced, one at a time; Marathon chooses the order\.\n/,
  );
  assert.match(
    out,
    /differs in cpus\n {2}30 calls now: each node drains when it is told to stop, at most 31 min/,
  );
  assert.match(
    out,
    /◐ draining, \d+ calls left {2}prod_dc1_media\.instance-[^ ]*-000000000001\._app\.1\n/,
  );
  assert.match(out, /✔ gone {2}prod_dc1_media\.instance-[^ ]*-000000000001\._app\.1\n/);
  assert.match(out, /✔ new, listed everywhere {2}.*: 3 of 3 done\n/);
  assert.match(out, /✔ \/prod\/dc1\/media is rolled out\.\n$/);
  assert.deepEqual([code, listeners], [0, 0]);
  assert.deepEqual(versions(world), [2, 2, 2]);
  assert.deepEqual(world.changes, ['PUT /v2/apps/prod/dc1/media?partialUpdate=false']);
});

test('what runs stays: instances as scaled, one at a time whatever the file says', async () => {
  const world = mediaWorld(oneByOne(), 5);
  const { code, out } = await rollout(world, NEW);
  assert.match(out, /upgradeStrategy is set to minimumHealthCapacity 0\.7, maximumOverCapacity 0/);
  assert.equal(code, 0);
  const [body] = world.bodies;
  assert.equal(body?.['instances'], 5);
  assert.deepEqual(body?.['upgradeStrategy'], {
    minimumHealthCapacity: 0.7,
    maximumOverCapacity: 0,
  });
});

test('with --batch its own pace may do', async () => {
  const world = mediaWorld(oneByOne(), 4);
  const { code } = await rollout(world, NEW, '--batch 2 --yes --dry-run --json');
  assert.equal(code, 0);
  const { out } = await rollout(world, NEW, '--batch 2 --yes --dry-run --json');
  const [planned] = out
    .split('\n')
    .map((line) => (line === '' ? {} : (JSON.parse(line) as Definition)));
  assert.deepEqual([planned?.['atOnce'], planned?.['isOwnPace']], [2, true]);
  assert.deepEqual(world.changes, []);
});

test('without a file the nodes are restarted at the pace that is asked for', async () => {
  const world = mediaWorld();
  const { code } = await rollout(world, null);
  assert.equal(code, 0);
  assert.deepEqual(world.changes, ['POST /v2/apps/prod/dc1/media/restart']);
  const larger = mediaWorld(oneByOne(), 6);
  assert.equal((await rollout(larger, null)).code, 0);
  assert.deepEqual(larger.changes, ['PUT /v2/apps/prod/dc1/media']);
  assert.deepEqual(larger.bodies, [
    { upgradeStrategy: { minimumHealthCapacity: 0.75, maximumOverCapacity: 0 } },
  ]);
});

test('the same definition is nothing to do, also after a rollout changed its pace', async () => {
  const world = mediaWorld(oneByOne(), 5);
  await rollout(world, NEW);
  const { code, out } = await rollout(world, NEW, '');
  assert.match(out, /nothing to do, Marathon holds that definition already/);
  assert.equal(code, 0);
  assert.equal(world.changes.length, 1);
});

test('a role that cannot spare a node is refused with the numbers, before anything is sent', async () => {
  const small = mediaWorld(oneByOne(), 1);
  const refused = await rollout(small, NEW);
  assert.match(
    refused.out,
    /refused \(exit 4\): the role cannot spare a node: .*no media nodes.*at least 1/,
  );
  assert.equal(refused.code, 4);
  const broken = mediaWorld();
  const [task] = broken.apps.get(MEDIA)?.tasks ?? [];
  if (task !== undefined) task.nodeState = 'down';
  const down = await rollout(broken, NEW);
  assert.match(down.out, /cannot spare a node: prod_dc1_media.*it is down/);
  assert.equal(down.code, 4);
  assert.deepEqual([...small.changes, ...broken.changes], []);
  const forced = await rollout(small, NEW, '--force --yes');
  assert.equal(forced.code, 0);
  assert.deepEqual(versions(small), [2]);
});

test('Ctrl-C leaves it to Marathon; the same command follows it, --cancel stops it', async () => {
  const world = mediaWorld();
  const left = await rollout(world, NEW, '--yes', {
    onWait: (count, interrupt) => {
      if (count === 4) interrupt();
    },
  });
  assert.match(
    left.out,
    /goes on in Marathon, node by node; nobody watches the new version now\.\n/,
  );
  assert.match(
    left.out,
    /Follow it again: carna rollout media media\.json\nStop it .*: carna rollout media --cancel\n/,
  );
  assert.deepEqual([left.code, left.listeners], [1, 0]);
  const again = await rollout(world, NEW);
  assert.match(again.out, /^Following deployment d-\d+\.\n/);
  assert.match(again.out, /is rolled out/);
  assert.equal(again.code, 0);
  assert.equal(world.changes.length, 1);
  const none = await rollout(world, null, '--cancel');
  assert.match(none.err, /expected a rollout under way, found none/);
  assert.equal(none.code, 2);
  await rollout(world, null, '--yes', {
    onWait: (count, interrupt) => {
      if (count === 4) interrupt();
    },
  });
  const cancelled = await rollout(world, null, '--cancel');
  assert.match(cancelled.out, /is stopped/);
  assert.equal(cancelled.code, 0);
});

test("somebody else's deployment is waited for; one that ends ours early is noticed", async () => {
  const world = mediaWorld();
  let looks = 0;
  world.deployments.push({ id: 'd-other', apps: [MEDIA], step: () => ++looks > 4 });
  const { code, out } = await rollout(world, NEW);
  assert.match(out, /^Waiting for d-other to end\.\n/);
  assert.equal(code, 0);
  const ended = mediaWorld(() => {
    let count = 0;
    return () => ++count > 2;
  });
  const cut = await rollout(ended, NEW);
  assert.match(cut.out, /is over with 3 old tasks left: it was cancelled or replaced\./);
  assert.equal(cut.code, 1);
});

test('nodes that somebody scaled away while it was planned do not come back', async () => {
  const world = mediaWorld(oneByOne(), 6);
  const data = world.data();
  let asked = 0;
  const { code, out } = await rollout(
    world,
    NEW,
    '--yes',
    {},
    {
      readAgentHealth: async (http) => {
        // The second look has read app and registry already.
        if (++asked === 7) scaleIn(world, 2);
        return data.readAgentHealth(http);
      },
    },
  );
  assert.match(out, /2 nodes replaced[^]*It changed meanwhile: nothing was changed/);
  assert.equal(code, 1);
  assert.deepEqual(world.changes, []);
});

test('nodes that go between the readings of one look hold it back', async () => {
  const world = mediaWorld(oneByOne(), 6);
  let plans = 0;
  world.intercept = ({ url }) => {
    if (url.includes('dryRun') && ++plans === 2) scaleIn(world, 2);
    return false;
  };
  const { code, out } = await rollout(world, NEW);
  assert.match(out, /It changed meanwhile: nothing was changed/);
  assert.equal(code, 4);
  assert.deepEqual(world.changes, []);
});

function scaleIn(world: MarathonWorld, instances: number): void {
  const app = world.apps.get(MEDIA);
  if (app !== undefined) Object.assign(app, { instances, tasks: app.tasks.slice(0, instances) });
}

test('an answer that was lost is looked for; the change is sent once', async () => {
  const world = mediaWorld();
  loseNextAnswer(world, '');
  const { code, out } = await rollout(world, NEW);
  assert.match(out, /is rolled out/);
  assert.equal(code, 0);
  assert.equal(world.changes.length, 1);
});

test('an app that Marathon does not have, a file without it: said, nothing sent', async () => {
  const world = new MarathonWorld();
  const { code, out } = await rollout(world, NEW);
  assert.match(out, /Marathon has no \/prod\/dc1\/media\. Bring it up first: carna deploy FILE/);
  assert.equal(code, 1);
  const other = await rollout(world, appOf({ id: '/prod/dc1/outbound' }));
  assert.match(other.err, /expected \/prod\/dc1\/media in it, found \/prod\/dc1\/outbound/);
  assert.equal(other.code, 2);
  const wrong = await rollout(world, appOf({ killSelektion: 'x' }));
  assert.match(wrong.err, /killSelektion/);
  assert.equal(wrong.code, 1);
  assert.deepEqual(world.changes, []);
});

test('a registry that is away for a while ends nothing', async () => {
  const world = mediaWorld();
  const data = world.data();
  let reads = 0;
  const readTopology = async (): ReturnType<OperatorData['readTopology']> => {
    const topology = await data.readTopology();
    reads++;
    return reads < 10 || reads > 14 ? topology : { ...topology, nodes: new Map(), isFresh: false };
  };
  const { code, out } = await rollout(world, NEW, '--yes', {}, { readTopology });
  assert.match(out, /is rolled out/);
  assert.equal(code, 0);
});
