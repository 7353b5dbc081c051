import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './support.js';
import { sleeper, withRig } from './support.js';

test('the other Marathon passes everything on and names the leader', () =>
  withRig(async (rig) => {
    const { url, standbyUrl } = rig.marathon;
    const put = await rig.send('POST', '/v2/apps', sleeper('/a'), standbyUrl);
    assert.equal(put.status, 201);
    assert.equal(put.headers.get('x-marathon-leader'), url);
    const read = await rig.send('GET', '/v2/leader', undefined, standbyUrl);
    assert.equal(read.body.leader, new URL(url).host);
    const refused = await rig.send('POST', '/v2/apps', '{', standbyUrl);
    assert.equal(refused.status, 400);
    await rig.idle();
  }));

test('only the event stream is redirected', () =>
  withRig(async (rig) => {
    const { url, standbyUrl } = rig.marathon;
    const path = '/v2/events?event_type=deployment_success';
    const response = await fetch(`${standbyUrl}${path}`, {
      headers: { accept: 'text/event-stream' },
      redirect: 'manual',
    });
    assert.equal(response.status, 302);
    assert.equal(response.headers.get('location'), `${url}${path}`);
  }));

test('a new leader: the streams close, the roles change, the apps stay', () =>
  withRig(async (rig) => {
    const { url, standbyUrl, faults } = rig.marathon;
    await rig.settle('POST', '/v2/apps', sleeper('/a'), 201);
    const stream = await fetch(`${url}/v2/events`, { headers: { accept: 'text/event-stream' } });
    assert.equal(faults.changeLeader(), standbyUrl);
    await assert.rejects(stream.text());
    const old = await fetch(`${url}/v2/events`, {
      headers: { accept: 'text/event-stream' },
      redirect: 'manual',
    });
    assert.equal(old.headers.get('location'), `${standbyUrl}/v2/events`);
    const read = await rig.send('GET', '/v2/leader');
    assert.equal(read.body.leader, new URL(standbyUrl).host);
    const apps = (await rig.send('GET', '/v2/apps')).body.apps as Json[];
    assert.deepEqual(
      apps.map(({ id }) => id),
      ['/a'],
    );
    assert.equal(faults.changeLeader(), url);
  }));

test('spoilt answers: the change is made all the same', () =>
  withRig(
    async (rig) => {
      const { url, faults } = rig.marathon;
      await rig.settle('POST', '/v2/apps', sleeper('/a'), 201);
      faults.answerWith('html', 1);
      const html = await fetch(`${url}/v2/apps`);
      assert.match(html.headers.get('content-type') ?? '', /html/);
      faults.answerWith('empty', 1);
      assert.equal(await (await fetch(`${url}/v2/apps`)).text(), '');
      faults.answerWith('500', 1);
      const body = JSON.stringify({ instances: 2 });
      assert.equal((await fetch(`${url}/v2/apps/a`, { method: 'PUT', body })).status, 500);
      faults.answerWith('half', 1);
      const half = await fetch(`${url}/v2/apps`);
      await assert.rejects(half.text());
      faults.answerWith('slow', 1);
      const late = AbortSignal.timeout(50);
      await assert.rejects(fetch(`${url}/v2/apps`, { signal: late }));
      await rig.idle();
      assert.equal((await rig.app('/a')).instances, 2);
      assert.equal((await rig.taskIds('/a')).length, 2);
    },
    { timing: { secondMs: 5, offerMs: 1, slowAnswerMs: 60_000 } },
  ));
