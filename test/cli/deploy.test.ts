import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { testDir } from '../support/resources.js';
import { appOf, deploy, group, MEDIA, OUTBOUND } from './deploy-world.js';
import { MarathonWorld } from './marathon-world.js';
import { carna } from './support.js';

test('a first deploy starts every app, asks nobody and waits until all nodes are listed', async () => {
  const world = new MarathonWorld();
  const { code, out, listeners } = await deploy(
    world,
    group(appOf(MEDIA), appOf(OUTBOUND, { instances: 2 })),
    '',
  );
  assert.match(out, /^\/carna\/dc1: 2 apps started\.\n {2}\+ \/carna\/dc1\/media {2}new, 3 inst/);
  assert.match(out, /✔ \/carna\/dc1\/media {2}3 of 3 running, 3 up, 3 listed\n/);
  assert.match(out, /✔ \/carna\/dc1 is deployed\.\n$/);
  assert.equal(code, 0);
  assert.equal(listeners, 0);
  assert.deepEqual(world.changes, ['PUT /v2/groups/carna/dc1']);
});

test('the same file once more changes nothing', async () => {
  const world = new MarathonWorld();
  const definition = group(appOf(MEDIA));
  await deploy(world, definition);
  const { code, out } = await deploy(world, definition, '');
  assert.equal(out, '/carna/dc1: nothing to do, Marathon holds it already.\n');
  assert.equal(code, 0);
  assert.equal(world.changes.length, 1);
});

test('the same file after a restart that was ended half-way says who is left, also in a dry run', async () => {
  for (const line of ['--yes', '--dry-run']) {
    const world = new MarathonWorld();
    const app = world.run(MEDIA, appOf(MEDIA), 3);
    app.version = 2;
    app.tasks.splice(0, 1, world.newTask(MEDIA));
    const { code, out } = await deploy(world, group(appOf(MEDIA)), line);
    assert.match(
      out,
      /… \/carna\/dc1\/media {2}1 of 3 running, 1 up, 1 listed, 2 old tasks left\n/,
    );
    assert.match(out, /Next: carna rollout media restarts all nodes of it with that definition\n/);
    assert.equal(code, 1);
    assert.deepEqual(world.changes, []);
  }
});

test('the same file while a node is away is not done', async () => {
  const world = new MarathonWorld();
  const [task] = world.run(MEDIA, appOf(MEDIA), 3).tasks;
  if (task !== undefined) task.nodeState = 'down';
  const { code, out } = await deploy(world, group(appOf(MEDIA)));
  assert.match(out, /3 of 3 running, 2 up, 2 listed\n[^]*Next: carna topology\n/);
  assert.equal(code, 1);
});

test('what an operator scaled stays scaled', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 6);
  const { code, out } = await deploy(world, group(appOf(MEDIA)), '');
  assert.match(out, /nothing to do/);
  assert.equal(code, 0);
  const more = await deploy(world, group(appOf(MEDIA), appOf(OUTBOUND)));
  assert.equal(more.code, 0);
  assert.equal(world.apps.get(MEDIA)?.instances, 6);
});

test('with --instances the file scales up; down it is refused', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 2);
  const up = await deploy(world, group(appOf(MEDIA)), '--instances --yes');
  assert.match(up.out, /± \/carna\/dc1\/media {2}2 → 3 instances, no running one is touched/);
  assert.equal(up.code, 0);
  assert.equal(world.apps.get(MEDIA)?.tasks.length, 3);
  const down = await deploy(world, group(appOf(MEDIA, { instances: 1 })), '--instances --yes');
  assert.match(down.out, /refused \(exit 4\): .* from 3 to 1 instances, and Marathon would choose/);
  assert.match(down.out, /Next: carna scale media 1\n/);
  assert.equal(down.code, 4);
  assert.equal(world.changes.length, 1);
});

test('a restart of nodes in service is refused and names the rollout; --restart does it', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 3, 20);
  const changed = group(appOf(MEDIA, { cpus: 3 }));
  const refused = await deploy(world, changed);
  assert.match(
    refused.out,
    /↻ \/carna\/dc1\/media {2}all 3 tasks replaced, 1 at a time; 60 calls now/,
  );
  assert.match(refused.out, /· \/carna\/dc1\/media differs in cpus\n/);
  assert.match(refused.out, /would restart its 3 nodes in service \(60 calls now\)/);
  assert.match(
    refused.out,
    /Next: carna rollout media dc1\.json, or: carna deploy dc1\.json --restart/,
  );
  assert.equal(refused.code, 4);
  assert.deepEqual(world.changes, []);
  const forced = await deploy(world, changed, '--restart --yes');
  assert.equal(forced.code, 0);
  assert.match(forced.out, /✔ \/carna\/dc1\/media {2}3 of 3 running, 3 up, 3 listed\n/);
  assert.deepEqual(
    world.apps.get(MEDIA)?.tasks.map(({ version }) => version),
    [2, 2, 2],
  );
});

test('a restart of tasks that the registry does not know is refused as well', async () => {
  const world = new MarathonWorld();
  const app = world.run(MEDIA, appOf(MEDIA), 3);
  for (const task of app.tasks) task.nodeState = null;
  const changed = group(appOf(MEDIA, { cpus: 3 }));
  const { code, out } = await deploy(world, changed);
  assert.match(
    out,
    /1 at a time; Marathon runs 3 tasks, none of them in service by the registry\n/,
  );
  assert.match(
    out,
    /would restart its 3 tasks, none of them in service by the registry \(calls not known\)/,
  );
  assert.equal(code, 4);
  assert.deepEqual(world.changes, []);
});

test('SIP nodes of another group than the configured one are never deployed', async () => {
  const world = new MarathonWorld();
  const id = '/carna/dc2';
  const other = { id, apps: [appOf(`${id}/media`)] };
  const { code, err } = await deploy(world, other);
  assert.match(
    err,
    /expected the group \/carna\/dc1 .*CARNA_MARATHON_GROUP.*CARNA_CLUSTER.*CARNA_DC/,
  );
  assert.match(err, /found \/carna\/dc2/);
  assert.equal(code, 2);
  assert.deepEqual(world.changes, []);
  const there = await deploy(world, other, '--yes', { env: { CARNA_MARATHON_GROUP: id } });
  assert.equal(there.code, 0, there.err);
});

test('an app that the file does not name is removed only when asked', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 3, 1);
  world.run(OUTBOUND, appOf(OUTBOUND), 1);
  const refused = await deploy(world, group(appOf(MEDIA)));
  assert.match(refused.out, /1 app REMOVED\.\n/);
  assert.match(refused.out, /\/carna\/dc1\/outbound is not in the file: Marathon would remove it/);
  assert.equal(refused.code, 4);
  assert.ok(world.apps.has(OUTBOUND));
  const removed = await deploy(world, group(appOf(MEDIA)), '--remove --yes');
  assert.equal(removed.code, 0);
  assert.ok(!world.apps.has(OUTBOUND));
});

test('an upgradeStrategy alone restarts nothing', async () => {
  const world = new MarathonWorld();
  const upgradeStrategy = { minimumHealthCapacity: 0.75, maximumOverCapacity: 0 };
  world.run(MEDIA, appOf(MEDIA, { upgradeStrategy }), 3);
  const { code, out } = await deploy(world, group(appOf(MEDIA)), '');
  assert.match(out, /nothing to do[^]*media: its upgradeStrategy differs and stays/);
  assert.equal(code, 0);
  assert.deepEqual(world.changes, []);
});

test('--dry-run says all and sends nothing', async () => {
  const world = new MarathonWorld();
  const { code, out } = await deploy(world, group(appOf(MEDIA)), '--dry-run --json');
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Definition);
  assert.deepEqual(
    lines.map(({ did }) => did),
    ['planned', 'dry-run'],
  );
  assert.deepEqual((lines[0]?.['changes'] as Definition[])[0]?.['did'], 'start');
  assert.equal(code, 0);
  assert.deepEqual(world.changes, []);
});

test('what the lint finds is never sent', async () => {
  const world = new MarathonWorld();
  const { code, err } = await deploy(world, group(appOf(MEDIA, { killSelektion: 'x' })));
  assert.match(err, /killSelektion[^]*Nothing was sent\./);
  assert.equal(code, 1);
  const app = await deploy(world, appOf(MEDIA));
  assert.match(app.err, /expected a group, found app/);
  assert.equal(app.code, 2);
  assert.deepEqual(world.changes, []);
});

test('two files of one group are refused: the second would remove the first', async () => {
  const dir = testDir('carna-deploy');
  const paths = ['a.json', 'b.json'].map((name) => join(dir, name));
  for (const path of paths) writeFileSync(path, JSON.stringify(group(appOf(MEDIA))));
  const { code, err } = await carna(`deploy ${paths.join(' ')} --yes`);
  assert.match(err, /are of one group/);
  assert.equal(code, 2);
});

test('of several files those after one that did not end well are named, and how they are begun', async () => {
  const world = new MarathonWorld();
  const [task] = world.run(MEDIA, appOf(MEDIA), 3).tasks;
  const tool = appOf('/tools/wiki', { env: {} });
  const other = join(testDir('carna-deploy'), 'b.json');
  writeFileSync(other, JSON.stringify({ id: '/tools', apps: [tool] }));
  if (task !== undefined) task.nodeState = 'draining';
  const left = await deploy(world, group(appOf(MEDIA)), `${other} --yes`);
  assert.match(left.out, /2 up, 2 listed\n/);
  assert.equal(
    left.err,
    `0 of 2 files done. Not begun: ${other}\nNext: carna deploy dc1.json ${other} --yes\n`,
    left.out,
  );
  assert.deepEqual([left.code, world.changes], [1, []]);
  if (task !== undefined) task.nodeState = 'up';
  const { code, err } = await deploy(world, group(appOf(MEDIA)), `${other} --yes`);
  assert.deepEqual([code, err, world.changes], [0, '', ['PUT /v2/groups/tools']]);
});

test('how files that were not begun are begun repeats every option: a dry run stays one', async () => {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(MEDIA), 3, 20);
  const other = join(testDir('carna-deploy'), 'b.json');
  writeFileSync(other, JSON.stringify({ id: '/tools', apps: [appOf('/tools/wiki', { env: {} })] }));
  const asked = `${other} --dry-run --instances --remove --deadline 90m`;
  const { code, err } = await deploy(world, group(appOf(MEDIA, { cpus: 3 })), asked);
  assert.match(err, /^0 of 2 files done\. Not begun: /);
  assert.ok(err.endsWith(`\nNext: carna deploy dc1.json ${asked}\n`), err);
  assert.deepEqual([code, world.changes], [4, []]);
});
