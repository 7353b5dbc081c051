import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appOf, deploy, group, MEDIA, OUTBOUND } from './deploy-world.js';
import { MarathonWorld } from './marathon-world.js';
import { interruptNextChange, loseNextAnswer } from './run-in-world.js';

test('an answer that was lost is looked for, not sent again', async () => {
  const world = new MarathonWorld();
  loseNextAnswer(world, '{"deploymentId": "d');
  const { code, out } = await deploy(world, group(appOf(MEDIA)));
  assert.match(out, /is deployed/);
  assert.equal(code, 0);
  assert.deepEqual(world.changes, ['PUT /v2/groups/carna/dc1']);
});

for (const isLost of [false, true]) {
  const answer = isLost ? 'an answer that is lost' : 'the answer';
  test(`Ctrl-C before ${answer} leaves what was sent to Marathon, and says so`, async () => {
    const world = new MarathonWorld();
    if (isLost) loseNextAnswer(world, '{"deploymentId": "d');
    const { code, out, err } = await deploy(
      world,
      group(appOf(MEDIA)),
      '',
      interruptNextChange(world),
    );
    assert.match(
      out,
      /Deployment d-1\.\n\nd-1 goes on in Marathon\.\nFollow it again: carna deploy/,
    );
    assert.deepEqual([code, err], [1, '']);
    assert.equal(world.changes.length, 1);
  });
}

/** A proxy answers changes in Marathon's place. */
function cutOffChanges(world: MarathonWorld): void {
  world.intercept = ({ method, url }, response) => {
    if (method !== 'PUT' || url.includes('dryRun')) return false;
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad gateway');
    return true;
  };
}

test('an answer that was lost with the change is an error that says so', async () => {
  const world = new MarathonWorld();
  cutOffChanges(world);
  const { code, err } = await deploy(world, group(appOf(MEDIA)));
  assert.match(err, /PUT \/v2\/groups\/carna\/dc1: it may or may not have happened/);
  assert.equal(code, 3);
  assert.equal(world.changes.length, 1);
  assert.equal(world.apps.size, 0);
});

for (const isDone of [false, true]) {
  const change = isDone ? 'done' : 'lost';
  test(`a lost answer to a change that was ${change}: somebody else's deployment is not taken for ours`, async () => {
    const world = new MarathonWorld();
    world.run(OUTBOUND, appOf(OUTBOUND), 3);
    world.deployments.push({ id: 'd-other', apps: [OUTBOUND], step: () => true });
    if (isDone) loseNextAnswer(world, '');
    else cutOffChanges(world);
    const { code, out, err } = await deploy(world, group(appOf(MEDIA), appOf(OUTBOUND)));
    assert.doesNotMatch(out, /d-other/);
    assert.equal(code, isDone ? 0 : 3, out);
    if (isDone) assert.match(out, /Deployment d-\d+\.\n/);
    else assert.match(err, /PUT \/v2\/groups\/carna\/dc1: it may or may not have happened/);
    assert.equal(world.changes.length, 1);
  });
}
