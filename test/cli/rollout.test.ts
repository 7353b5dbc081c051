import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { withFake } from '../marathon/client/fake-marathon.js';
import { goodApp } from '../marathon/lint/good.js';
import { MarathonWorld } from './marathon-world.js';
import type { WorldTask } from './marathon-world.js';
import type { Outcome, Terminal } from './support.js';
import { carna, GENERATION } from './support.js';

const MEDIA = '/prod/dc1/media';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'carna-rollout-'));
});
after(() => rmSync(dir, { recursive: true }));

const appOf = (more: Definition = {}): Definition => ({ ...goodApp(), id: MEDIA, ...more });

/** A new definition: other CPUs. */
const NEW = appOf({ cpus: 3 });

/** Runs `carna rollout media`; `definition` goes into FILE. */
async function rollout(
  world: MarathonWorld,
  definition: Definition | null,
  line = '--yes',
  terminal: Terminal = {},
  data: Partial<OperatorData> = {},
): Promise<Outcome> {
  const path = join(dir, 'media.json');
  if (definition !== null) writeFileSync(path, JSON.stringify(definition));
  let outcome: Outcome | undefined;
  await withFake(world.handle, async ({ url }) => {
    const env = { CARNA_MARATHON: url, ...terminal.env };
    const words = `rollout media ${definition === null ? '' : path} --deadline 10m ${line}`;
    outcome = await carna(words, world.data(data), { ...terminal, env });
  });
  if (outcome === undefined) throw new Error('it did not run');
  return { ...outcome, out: outcome.out.replaceAll(path, 'media.json') };
}

/** Replaces one node after the other; each look is a step. `start` says what becomes of a new task. */
function oneByOne(
  start: (task: WorldTask, count: number) => void = () => undefined,
): MarathonWorld['play'] {
  return (world, [id = '']) => {
    let looks = 0;
    let count = 0;
    return () => {
      const app = world.apps.get(id);
      if (app === undefined || ++looks < 2) return false;
      const old = app.tasks.find(({ version }) => version !== app.version);
      const last = app.tasks.at(-1);
      const isReady = last?.version !== app.version || last.isListed;
      if (old === undefined && app.tasks.length === app.instances) return isReady;
      if (app.tasks.length < app.instances) {
        const task = world.newTask(id);
        start(task, ++count);
        app.tasks.push(task);
      } else if (old?.nodeState === 'up' && isReady) {
        old.nodeState = 'draining';
      } else if (old?.nodeState === 'draining') {
        old.calls = Math.max(0, old.calls - 5);
        if (old.calls === 0) app.tasks.splice(app.tasks.indexOf(old), 1);
      }
      return false;
    };
  };
}

function mediaWorld(play = oneByOne(), instances = 3): MarathonWorld {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(), instances, 10);
  world.play = play;
  return world;
}

const versions = (world: MarathonWorld): number[] =>
  (world.apps.get(MEDIA)?.tasks ?? []).map(({ version }) => version).sort();

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

test('an answer that was lost is looked for; the change is sent once', async () => {
  const world = mediaWorld();
  world.intercept = (seen, response) => {
    if (seen.method !== 'PUT' || seen.url.includes('dryRun')) return false;
    world.intercept = () => false;
    const quiet = {
      writeHead: () => undefined,
      end: () => undefined,
    } as unknown as typeof response;
    world.handle(seen, quiet);
    world.changes.pop();
    response.writeHead(200, { 'content-type': 'application/json' }).end('');
    return true;
  };
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
