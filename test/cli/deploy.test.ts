import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { json, withFake } from '../marathon/client/fake-marathon.js';
import { goodApp } from '../marathon/lint/good.js';
import { MarathonWorld } from './marathon-world.js';
import type { Outcome, Terminal } from './support.js';
import { carna } from './support.js';

const MEDIA = '/carna/dc1/media';
const OUTBOUND = '/carna/dc1/outbound';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'carna-deploy-'));
});
after(() => rmSync(dir, { recursive: true }));

function appOf(id: string, more: Definition = {}): Definition {
  const role = id.slice(id.lastIndexOf('/') + 1);
  const app = goodApp();
  return { ...app, id, env: { ...(app['env'] as Definition), CARNA_ROLE: role }, ...more };
}

const group = (...apps: readonly Definition[]): Definition => ({ id: '/carna/dc1', apps });

/** Runs `carna deploy`; FILE stands for the group's file. */
async function deploy(
  world: MarathonWorld,
  definition: unknown,
  line = '--yes',
  terminal: Terminal = {},
): Promise<Outcome> {
  const path = join(dir, 'dc1.json');
  writeFileSync(path, JSON.stringify(definition));
  let outcome: Outcome | undefined;
  await withFake(world.handle, async ({ url }) => {
    const env = { CARNA_MARATHON: url, ...terminal.env };
    outcome = await carna(`deploy ${path} ${line}`, world.data(), { ...terminal, env });
  });
  if (outcome === undefined) throw new Error('it did not run');
  return { ...outcome, out: outcome.out.replaceAll(path, 'dc1.json') };
}

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
  const paths = ['a.json', 'b.json'].map((name) => join(dir, name));
  for (const path of paths) writeFileSync(path, JSON.stringify(group(appOf(MEDIA))));
  const { code, err } = await carna(`deploy ${paths.join(' ')} --yes`);
  assert.match(err, /are of one group/);
  assert.equal(code, 2);
});

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

test('an answer that was lost is looked for, not sent again', async () => {
  const world = new MarathonWorld();
  world.intercept = ({ method, url, ...rest }, response) => {
    if (method !== 'PUT' || url.includes('dryRun')) return false;
    world.intercept = () => false;
    // Carried out, but the answer is half a JSON.
    const quiet = {
      writeHead: () => undefined,
      end: () => undefined,
    } as unknown as typeof response;
    world.handle({ method, url, ...rest }, quiet);
    world.changes.pop();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"deploymentId": "d');
    return true;
  };
  const { code, out } = await deploy(world, group(appOf(MEDIA)));
  assert.match(out, /is deployed/);
  assert.equal(code, 0);
  assert.deepEqual(world.changes, ['PUT /v2/groups/carna/dc1']);
});

test('an answer that was lost with the change is an error that says so', async () => {
  const world = new MarathonWorld();
  world.intercept = ({ method, url }, response) => {
    if (method !== 'PUT' || url.includes('dryRun')) return false;
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad gateway');
    return true;
  };
  const { code, err } = await deploy(world, group(appOf(MEDIA)));
  assert.match(err, /PUT \/v2\/groups\/carna\/dc1: it may or may not have happened/);
  assert.equal(code, 3);
  assert.equal(world.changes.length, 1);
  assert.equal(world.apps.size, 0);
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
