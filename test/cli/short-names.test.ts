import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

const ONE = 'prod_dc1_media.instance-663cc6e3-3e47-4310-9a01-7a2e164001eb._app.1';
const TWO = 'prod_dc1_media.instance-663cf000-3e47-4310-9a01-7a2e164001eb._app.1';
const NODES = [p.LB, p.DISP1, p.DISP2, { ...p.MEDIA1, nodeId: ONE }, { ...p.MEDIA2, nodeId: TWO }];

test('drain and undrain take the begin of a uuid for the node, and say its whole id', async () => {
  const { data, intents } = keepingIntents({}, [], NODES);
  const drained = await p.carna('drain 663cc --yes', data);
  assert.match(drained.out, new RegExp(`${ONE}: drain asked`));
  assert.deepEqual([...intents.keys()], [ONE]);
  const undrained = await p.carna('undrain 663cc', data);
  assert.equal(undrained.code, 0);
  assert.equal(intents.size, 0);
});

test('the begin of two uuids is answered with both, and nothing is changed', async () => {
  const { data, intents } = keepingIntents({}, [], NODES);
  const { code, err } = await p.carna('drain 663c --yes', data);
  assert.equal(code, 1);
  assert.equal(err, `error: 663c begins 2 uuids: ${ONE}, ${TWO}\n  next: write more of it\n`);
  assert.equal(intents.size, 0);
});

test('explain takes it, too', async () => {
  const { data } = keepingIntents({}, [], NODES);
  const { out } = await p.carna('explain 663cf', data);
  assert.ok(out.startsWith(TWO), out);
});
