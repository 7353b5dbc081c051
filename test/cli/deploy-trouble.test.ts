import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsOfGroup } from '../../src/marathon/deploy/group-apps.js';
import { json } from '../marathon/client/fake-marathon.js';
import { appOf, deploy, group, MEDIA, OUTBOUND } from './deploy-world.js';
import { MarathonWorld } from './marathon-world.js';
import type { Terminal } from './support.js';

test('a lock is waited for, then everything is looked at anew', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 2);
  let looks = 0;
  world.deployments.push({ id: 'd-other', apps: [MEDIA], step: () => ++looks > 3 });
  const { code, out } = await deploy(world, group(appOf(MEDIA)), '--instances --yes');
  assert.match(out, /^Waiting for d-other to end\.\n/);
  assert.equal(code, 0);
  assert.deepEqual(world.changes, ['PUT /v2/groups/carna/dc1']);
});

test('a lock that comes between is waited for; one that stays ends at the deadline', async () => {
  const world = new MarathonWorld();
  let refusals = 1;
  world.intercept = ({ method, url }, response) => {
    if (method !== 'PUT' || url.includes('dryRun') || refusals-- <= 0) return false;
    json(response, 409, { message: 'locked', deployments: [{ id: 'd-fast' }] });
    return true;
  };
  const { code, out } = await deploy(world, group(appOf(MEDIA)));
  assert.match(out, /Waiting for d-fast to end/);
  assert.equal(code, 0);
  assert.equal(world.changes.length, 2);
  world.run(OUTBOUND, appOf(OUTBOUND), 1);
  world.deployments.push({ id: 'd-for-ever', apps: [OUTBOUND], step: () => false });
  const late = await deploy(
    world,
    group(appOf(MEDIA), appOf(OUTBOUND, { instances: 2 })),
    '--instances --deadline 1m --yes',
  );
  assert.match(late.out, /The deadline passed before anything was sent: nothing was changed/);
  assert.equal(late.code, 1);
  assert.equal(world.changes.length, 2);
});

test('a dry run that ends at the deadline is repeated as a dry run', async () => {
  const world = new MarathonWorld();
  world.deployments.push({ id: 'd-for-ever', apps: [MEDIA], step: () => false });
  world.intercept = ({ url }, response) => {
    if (!url.includes('dryRun')) return false;
    json(response, 409, { message: 'locked', deployments: [{ id: 'd-for-ever' }] });
    return true;
  };
  const asked = '--dry-run --instances --deadline 1m';
  const { code, out } = await deploy(world, group(appOf(MEDIA)), asked);
  assert.ok(out.endsWith(` nothing was changed. Next: carna deploy dc1.json ${asked}\n`), out);
  assert.deepEqual([code, world.changes], [1, []]);
});

test('what somebody else changed meanwhile is not overrun', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 2);
  let plans = 0;
  world.intercept = ({ url }) => {
    if (url.includes('dryRun') && ++plans === 1) {
      // Just after the first reading.
      const app = world.apps.get(MEDIA);
      queueMicrotask(() => Object.assign(app ?? {}, { instances: 5 }));
    }
    return false;
  };
  const { code, out } = await deploy(world, group(appOf(MEDIA)), '--instances --yes');
  assert.ok(code === 1 || code === 4, out);
  assert.match(out, /Nothing was changed|nothing was changed/);
  assert.deepEqual(world.changes, []);
});

test('nodes that somebody scaled away while it was planned do not come back', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 6);
  let plans = 0;
  world.intercept = ({ url }) => {
    // The second look has read the apps already.
    if (url.includes('dryRun') && ++plans === 2) scaleIn(world, 2);
    return false;
  };
  const { code, out } = await deploy(world, group(appOf(MEDIA), appOf(OUTBOUND)));
  assert.equal(code, 0, out);
  assert.deepEqual(
    world.bodies.map((body) => appsOfGroup(body).map(({ instances }) => instances)),
    [[2, 3]],
  );
});

test('what is to be restarted and was scaled meanwhile is not agreed to any more', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 6);
  let plans = 0;
  world.intercept = ({ url }) => {
    if (url.includes('dryRun') && ++plans === 4) scaleIn(world, 2);
    return false;
  };
  const changed = group(appOf(MEDIA, { cpus: 3 }));
  const { code, out } = await deploy(world, changed, '--restart --yes');
  assert.match(out, /it would no longer do what was said\. Nothing was changed\./);
  assert.equal(code, 1);
  assert.deepEqual(world.changes, []);
});

function scaleIn(world: MarathonWorld, instances: number): void {
  const app = world.apps.get(MEDIA);
  if (app !== undefined) Object.assign(app, { instances, tasks: app.tasks.slice(0, instances) });
}

test('when nothing fits, Marathon says why until the deadline', async () => {
  const world = new MarathonWorld();
  world.play = () => () => false;
  const rejectSummaryLastOffers = [
    { reason: 'UnfulfilledConstraint', declined: 3, processed: 3 },
    { reason: 'InsufficientCpus', declined: 1, processed: 3 },
  ];
  const delay = { timeLeftSeconds: 0, overdue: true };
  world.queue = [
    { app: { id: MEDIA }, count: 3, delay, processedOffersSummary: { rejectSummaryLastOffers } },
  ];
  const { code, out } = await deploy(world, group(appOf(MEDIA)), '--deadline 1m');
  assert.match(
    out,
    /0 of 3 running, 0 up, 0 listed, 3 without a place: no offer fits: UnfulfilledConstraint \(3 of 3 offers\), InsufficientCpus/,
  );
  assert.match(
    out,
    /✘ the deadline passed; d-1 goes on in Marathon\.\nFollow it again: carna deploy/,
  );
  assert.equal(code, 1);
});

test('Ctrl-C leaves it to Marathon, and the same command follows it again', async () => {
  const world = new MarathonWorld();
  world.play = () => () => false;
  const left = await deploy(world, group(appOf(MEDIA)), '', {
    onWait: (count, interrupt) => {
      if (count === 3) interrupt();
    },
  });
  assert.match(left.out, /d-1 goes on in Marathon\.\nFollow it again: carna deploy dc1\.json/);
  assert.deepEqual([left.code, left.listeners], [1, 0]);
  const [running] = world.deployments;
  let looks = 0;
  world.deployments = [
    {
      ...{ id: running?.id ?? '', apps: [MEDIA] },
      step: () => {
        if (++looks < 3) return false;
        const app = world.apps.get(MEDIA);
        for (let k = 0; k < 3; k++) app?.tasks.push(world.newTask(MEDIA));
        return true;
      },
    },
  ];
  const again = await deploy(world, group(appOf(MEDIA)), '');
  assert.match(again.out, /Following deployment d-1\.\n/);
  assert.match(again.out, /✔ \/carna\/dc1 is deployed/);
  assert.equal(again.code, 0);
  assert.equal(world.changes.length, 1);
});

test('Ctrl-C while the dry run is made just before the change: nothing is sent, told as left', async () => {
  const world = new MarathonWorld();
  let leave: (() => void) | null = null;
  world.intercept = ({ url }) => {
    if (!url.includes('dryRun') || leave === null) return false;
    leave();
    return true;
  };
  const terminal: Terminal = { onOutput: (_, interrupt) => (leave = interrupt) };
  const { code, out, err } = await deploy(world, group(appOf(MEDIA)), '--yes', terminal);
  assert.match(out, /\nLeft before anything was sent: nothing was changed\. Next: carna deploy /);
  assert.deepEqual([code, err, world.changes], [1, '', []]);
});

for (const failures of [1, 100]) {
  test(`a dry run that fails ${failures === 1 ? 'once is repeated' : 'for good says that nothing was changed'}`, async () => {
    const world = new MarathonWorld();
    let count = 0;
    world.intercept = ({ url }, response) => {
      if (!url.includes('dryRun') || ++count > failures) return false;
      response.writeHead(503, { 'content-type': 'text/html' }).end('<html>elsewhere');
      return true;
    };
    const { code, err } = await deploy(world, group(appOf(MEDIA)));
    assert.doesNotMatch(err, /may or may not/);
    if (failures > 1) assert.match(err, /answered 503\n.* nothing was changed, safe to repeat/);
    assert.deepEqual([code, world.changes.length], failures > 1 ? [3, 0] : [0, 1]);
  });
}

test('what ends the watching does not hide that the deployment goes on', async () => {
  const world = new MarathonWorld();
  world.play = () => () => false;
  world.intercept = ({ method }, response) => {
    if (method === 'PUT' || world.changes.length === 0) return false;
    json(response, 401, { message: 'who are you?' });
    return true;
  };
  const { code, out, err } = await deploy(world, group(appOf(MEDIA)));
  assert.match(out, /d-1 goes on in Marathon\.\nFollow it again: carna deploy dc1\.json/);
  assert.match(err, /401: who are you\?/);
  assert.equal(code, 1);
});

test('a Marathon that answers nonsense is named, and nothing is half done', async () => {
  for (const body of ['<html>login', '', '{"apps": [{"id":']) {
    const world = new MarathonWorld();
    world.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(body);
      return true;
    };
    const { code, err } = await deploy(world, group(appOf(MEDIA)));
    assert.match(err, /error: GET \/v2\/apps.*(expected JSON|empty body)/);
    assert.equal(code, 3);
    assert.deepEqual(world.changes, []);
  }
});
