import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertDown, withStage } from './scale-stage.js';
import { MEDIA, mediaTask } from './small-marathon.js';

test('a lock met at the kill is waited for, whoever holds it', () =>
  withStage([5, 0, 5], async (stage) => {
    let locked = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (!locked && stage.platform.intents.size > 0) {
        locked = true;
        stage.marathon.lock(40);
      }
    });
    assert.equal(code, 0, out);
    assert.match(out, /waiting for deployment other-1, which is under way/);
    assertDown(stage, [mediaTask(2)], 2);
  }));

test('a lock that does not end: nothing is killed, the drain is taken back', () =>
  withStage([5, 0, 5], async (stage) => {
    const { code, out } = await stage.carna('scale media 2 --yes --timeout 1m', () => {
      if (stage.platform.intents.size > 0 && stage.marathon.deployments.length === 0) {
        stage.marathon.lock(Number.POSITIVE_INFINITY);
      }
    });
    assert.equal(code, 1);
    assert.match(out, /still deployment other-1 is under way: nothing was killed/);
    assert.match(out, /takes calls again/);
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
  }));

test('a task that was relaunched under the same uuid is not killed', () =>
  withStage([5, 0, 5], async (stage) => {
    let done = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (done || stage.platform.intents.size === 0) return;
      done = true;
      stage.platform.nodes.delete(mediaTask(2));
      stage.platform.launch(mediaTask(2, 2), MEDIA, 40);
    });
    assert.equal(code, 1);
    assert.match(
      out,
      /02\._app\.1 was relaunched meanwhile as \S+02\._app\.2, which was not drained/,
    );
    assert.deepEqual(stage.marathon.changes, []);
    assert.deepEqual(stage.platform.killed, []);
    assert.equal(stage.platform.intents.size, 0);
  }));

test('a 200 that did nothing is noticed', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.marathon.kill = () => null;
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 1);
    assert.match(out, /Marathon answered 200 and did nothing/);
    assert.equal(stage.platform.intents.size, 0);
  }));

test('Ctrl-C leaves it draining and says so; the next run goes on with the same node', () =>
  withStage([30, 12, 25], async (stage) => {
    const left = await stage.carna('scale media 2 --yes', (_count, interrupt) => {
      if (stage.platform.intents.size > 0) interrupt();
    });
    assert.equal(left.code, 1);
    assert.match(
      left.out,
      /nothing was killed\. Still draining: \S+02\._app\.1\.\nGo on: carna scale media 2\. Undo: carna undrain \S+02/,
    );
    assert.equal(left.listeners, 0);
    const other = stage.platform.nodes.get(mediaTask(3));
    if (other !== undefined) other.calls = 0;
    const again = await stage.carna('scale media 2 --yes');
    assert.equal(again.code, 0, again.out);
    assertDown(stage, [mediaTask(2)], 2);
  }));

test('left after the kill: the next run sees it to its end and forgets the drain', () =>
  withStage([30, 12, 25], async (stage) => {
    stage.marathon.lasting = 5;
    const left = await stage.carna('scale media 2 --yes', (_count, interrupt) => {
      if (stage.marathon.changes.length > 0) interrupt();
    });
    assert.equal(left.code, 1);
    assert.match(left.out, /Marathon goes on killing the drained nodes/);
    const again = await stage.carna('scale media 2 --yes');
    assert.equal(again.code, 0, again.out);
    assertDown(stage, [mediaTask(2)], 2);
  }));

test('a lost answer to the kill is looked for, never sent again', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.marathon.intercept = (seen, response) => {
      if (seen.method !== 'POST') return false;
      const { ids } = JSON.parse(seen.body) as { ids: string[] };
      stage.marathon.changes.push('kill');
      stage.marathon.kill(ids);
      response.destroy();
      return true;
    };
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(2)], 2);
    assert.deepEqual(stage.marathon.changes, ['kill']);
  }));

test('a kill that was lost altogether: not sent again, and its node stays draining', () =>
  withStage([5, 0, 5], async (stage) => {
    let posts = 0;
    stage.marathon.intercept = (seen, response) => {
      if (seen.method !== 'POST') return false;
      posts++;
      response.destroy();
      return true;
    };
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 3);
    assert.match(out, /It is not sent again\.\nStill draining, in case it comes late: \S+02/);
    assert.deepEqual([posts, [...stage.platform.intents.keys()]], [1, [mediaTask(2)]]);
    assert.deepEqual(stage.platform.killed, []);
  }));

test('Marathon refuses the kill: told, the drain is taken back', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.marathon.intercept = (seen, response) => {
      if (seen.method !== 'POST') return false;
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: 'Not Authorized to perform this action!' }));
      return true;
    };
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 1);
    assert.match(out, /Marathon answered 403: Not Authorized.*: nothing was killed/);
    assert.equal(stage.platform.intents.size, 0);
  }));

for (const [name, answer] of [
  ['HTML', '<html>login</html>'],
  ['an empty body', ''],
  ['half a JSON', '{"app":{"id":'],
] as const) {
  test(`Marathon answers ${name}: a named error, nothing changed`, () =>
    withStage([5, 0, 5], async (stage) => {
      stage.marathon.intercept = (_seen, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
        return true;
      };
      for (const line of ['scale media 2 --yes', 'scale media 4']) {
        const { code, err } = await stage.carna(line);
        assert.equal(code, 3);
        assert.match(err, /GET \/v2\/apps/);
      }
      assert.equal(stage.platform.intents.size, 0);
    }));

  test(`Marathon answers ${name} from the drain on: the drain is taken back`, () =>
    withStage([5, 0, 5], async (stage) => {
      const { code, out } = await stage.carna('scale media 2 --yes --timeout 4s', () => {
        if (stage.platform.intents.size === 0) return;
        stage.marathon.intercept = (_seen, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
          return true;
        };
      });
      assert.equal(code, 3);
      assert.match(out, /nothing was killed\.\nWho was drained for this alone takes calls again/);
      assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
    }));
}
