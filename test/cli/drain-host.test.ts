import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { IntentRecord, NodeRecord } from '../../src/topology/node.js';
import { RegistryNotSentError } from '../../src/util/errors.js';
import type { Keeping } from './keeping-intents.js';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

const HOST = '10.0.3.1';
const REG1 = p.node('registrar', 'reg-1', HOST);
const REG2 = p.node('registrar', 'reg-2', '10.0.4.2');
const NODES = [p.LB, p.DISP1, p.DISP2, p.MEDIA1, p.MEDIA2, p.MEDIA10, REG1, REG2];

const keeping = (
  nodes: readonly NodeRecord[] = NODES,
  present: readonly IntentRecord[] = [],
  more: Partial<OperatorData> = {},
): Keeping => keepingIntents(more, present, nodes);

test('drain --host: one question for all of its nodes, then an intent for each', async () => {
  const { data, intents } = keeping();
  const terminal = { columns: 120, input: 'y\n' };
  const { code, out } = await p.carna(`drain --host ${HOST} --deadline 30m`, data, terminal);
  assert.equal(
    out,
    `2 nodes on 10.0.3.1 take no new calls; the other nodes of their roles get them.
  media-1 (media): 61 calls
  reg-1 (registrar): 61 calls
They wait up to 30 min for the 122 calls on them; what is left then is lost when the server is stopped.
Set 20 keeps 1 registrar.
Room was not compared: not every registrar says how many calls it admits.
Set 30 keeps 2 media nodes for 183 calls, room for 1,600 with 25 % headroom.
Drain 2 nodes on 10.0.3.1? [y/N] 10.0.3.1: drain asked of media-1, reg-1. Progress: carna drain --host 10.0.3.1 --wait. Undo: carna undrain --host 10.0.3.1
`,
  );
  assert.equal(code, 0);
  const common = { schema: 1, want: 'maintenance', by: 'bob', why: 'maintenance of 10.0.3.1' };
  const times = { since: p.NOW, deadline: p.NOW + 30 * 60_000, now: false };
  assert.deepEqual(Object.fromEntries(intents), {
    'media-1': { ...common, nodeId: 'media-1', ...times },
    'reg-1': { ...common, nodeId: 'reg-1', ...times },
  });
});

for (const input of ['n\n', '']) {
  test(`answered with ${JSON.stringify(input)} nothing is changed`, async () => {
    const { data, intents } = keeping();
    const terminal = { columns: 80, input };
    const { code, err } = await p.carna(`drain --host ${HOST}`, data, terminal);
    assert.deepEqual([code, err, intents.size], [1, 'nothing was changed\n', 0]);
  });
}

test('where nobody can be asked, --yes is needed', async () => {
  const { data, intents } = keeping();
  assert.equal((await p.carna(`drain --host ${HOST}`, data)).code, 2);
  assert.equal(intents.size, 0);
});

test('two nodes of one role on the host are checked together: all or none', async () => {
  const twin = p.node('media', 'media-2', HOST);
  const { data, intents } = keeping([p.LB, p.DISP1, p.MEDIA1, twin, p.MEDIA10, REG1, REG2]);
  const line = `drain --host ${HOST} --yes --floor 2`;
  const refused = await p.carna(line, data);
  assert.deepEqual([refused.code, intents.size], [4, 0]);
  assert.match(refused.err, /^refused \(exit 4\): set 20 would keep 1 registrar for new calls/);
  assert.match(refused.err, /\nrefused \(exit 4\): set 30 would keep 1 media node for new calls/);
  assert.match(refused.err, /another registrar node and another media node up first/);
  assert.match(refused.err, /or: carna drain --host 10\.0\.3\.1 --force\n$/);
  const json = await p.carna(`${line} --json`, data);
  const said = json.out.trim().split('\n');
  assert.deepEqual(
    said.map((one) => {
      const { nodeId, did, check } = JSON.parse(one) as {
        nodeId: string;
        did: string;
        check: { role: string; remaining: number };
      };
      return [nodeId, did, check.role, check.remaining];
    }),
    [
      ['media-1', 'refused', 'media', 1],
      ['media-2', 'refused', 'media', 1],
      ['reg-1', 'refused', 'registrar', 1],
    ],
  );
  const forced = await p.carna(`${line} --force`, data);
  assert.deepEqual([forced.code, intents.size], [0, 3]);
});

test('a node that drains already is told and left as it is, the others follow', async () => {
  const { data, intents } = keeping(NODES, [p.intent('media-1')]);
  const before = intents.get('media-1');
  const { code, out } = await p.carna(`drain --host ${HOST} --yes`, data);
  assert.match(out, /^media-1: drain was asked 60 s ago by ann: kernel update/);
  assert.match(out, /drain asked of reg-1\./);
  assert.deepEqual([code, intents.get('media-1'), intents.size], [0, before, 2]);
  const again = await p.carna(`drain --host ${HOST}`, data);
  assert.equal(again.code, 0);
  await p.carna(`drain --host ${HOST} --now --yes`, data);
  assert.deepEqual(intents.get('media-1'), { ...before, now: true });
});

test('a registry that fails half-way: who was asked is told', async () => {
  const written: string[] = [];
  const { data } = keeping(NODES, [], {
    changeIntent: p.changing(new Map(), async ({ nodeId }) => {
      if (nodeId === 'reg-1') throw new RegistryNotSentError('ZooKeeper is away');
      written.push(nodeId);
    }),
  });
  const { code, err } = await p.carna(`drain --host ${HOST} --yes`, data);
  assert.match(err, /^asked to drain: media-1; perhaps not: reg-1\. Again: carna drain --host /);
  assert.deepEqual([code, written], [3, ['media-1']]);
});

for (const verb of ['drain', 'undrain']) {
  test(`${verb}: a host without nodes, and wrong use`, async () => {
    const { data } = keeping();
    const yes = verb === 'drain' ? ' --yes' : '';
    const nobody = await p.carna(`${verb} --host 10.0.99.1${yes}`, data);
    assert.deepEqual(
      [nobody.code, nobody.err],
      [1, 'error: no node is on 10.0.99.1\n  next: carna nodes\n'],
    );
    for (const wrong of ['', ' media-1 --host 10.0.3.1', ' --host a/b']) {
      assert.equal((await p.carna(`${verb}${wrong}${yes}`, data)).code, 2, wrong);
    }
  });
}

test('Marathon away: by SIP addresses alone, and it says so; nobody found then is exit code 3', async () => {
  const env = { CARNA_MARATHON: 'http://127.0.0.1:1', CARNA_MARATHON_TIMEOUT_MS: '300' };
  const { data, intents } = keeping();
  const found = await p.carna(`drain --host ${HOST} --yes`, data, { env });
  assert.match(
    found.err,
    /nodes are found by their SIP addresses alone, Marathon did not answer: /,
  );
  assert.deepEqual([found.code, intents.size], [0, 2]);
  const nobody = await p.carna('drain --host h9 --yes', data, { env });
  assert.equal(nobody.code, 3);
});

/** Both nodes drain; registrar first, media a look later. */
function emptying(): OperatorData {
  let look = 0;
  const both = [p.MEDIA1, REG1].map((one) => ({ ...one, state: 'draining' as const }));
  return p.fakeData({
    readTopology: async () => {
      look++;
      const intents = p.byId([p.intent('media-1'), p.intent('reg-1')]);
      return p.topology({ nodes: [p.LB, p.DISP1, p.DISP2, p.MEDIA2, REG2, ...both], intents });
    },
    readAgentHealth: async () => {
      const step = look > 3 ? 'empty' : 'emptying';
      const drain = { step, left: look > 3 ? 0 : 5, endedPerSecond: 1, deadlineAtMs: null, cut: 0 };
      return { nodeId: null, state: 'draining', calls: drain.left, drain: { ...drain, step } };
    },
  });
}

test('drain --host --wait follows all nodes to their ends', async () => {
  const { code, out } = await p.carna(`drain --host ${HOST} --wait`, emptying());
  for (const nodeId of ['media-1', 'reg-1']) {
    assert.match(out, new RegExp(`\n${nodeId} is draining: off the list .* 5 calls left\\.\n`));
    assert.match(
      out,
      new RegExp(`\n${nodeId} is drained after .*: 5 calls ended by themselves\\.`),
    );
  }
  assert.equal(code, 0);
  const json = await p.carna(`drain --host ${HOST} --wait --json`, emptying());
  const last = json.out
    .trim()
    .split('\n')
    .slice(-2)
    .map((line) => JSON.parse(line) as { nodeId: string; step: string });
  assert.deepEqual(
    last.map(({ nodeId, step }) => [nodeId, step]),
    [
      ['media-1', 'drained'],
      ['reg-1', 'drained'],
    ],
  );
});

test('on a terminal both are drawn, and Ctrl-C leaves them draining', async () => {
  let draws = 0;
  const { code, out, listeners } = await p.carna(`drain --host ${HOST} --wait`, emptying(), {
    columns: 100,
    onOutput: (text, interrupt) => {
      if (text.includes('Ctrl-C leaves them draining') && ++draws === 2) interrupt();
    },
  });
  assert.match(
    out,
    /media-1 is draining[^]*reg-1 is draining[^]*Undo: carna undrain --host 10\.0\.3\.1/,
  );
  assert.match(out, /\nmedia-1, reg-1 go on draining\. Undo: carna undrain --host 10\.0\.3\.1\n$/);
  assert.deepEqual([code, listeners], [1, 0]);
});

test('undrain --host takes every drain on it back, and can be repeated', async () => {
  const { data, intents } = keeping(NODES, [p.intent('media-1'), p.intent('media-2')]);
  const { code, out } = await p.carna(`undrain --host ${HOST}`, data);
  assert.match(out, /^media-1: the drain asked 60 s ago by ann \(kernel update\) is taken back\./);
  assert.match(out, /\nreg-1 was not asked to drain: nothing to undo\.\n$/);
  assert.deepEqual([code, [...intents.keys()]], [0, ['media-2']]);
  const again = await p.carna(`undrain --host ${HOST} --json`, data);
  const dids = again.out.trim().split('\n');
  assert.deepEqual(
    dids.map((line) => (JSON.parse(line) as { did: string }).did),
    ['nothing-to-undo', 'nothing-to-undo'],
  );
});

test('undrain --host --wait waits for each of them', async () => {
  let look = 0;
  const proven = [p.LB, p.DISP1, p.DISP2].map((of) => p.applied(of, { generation: 1842 }));
  const traces = [p.MEDIA1, REG1].map(({ trace: { id } }) => ({ id, generation: 1842 }));
  const { data } = keeping(NODES, [], {
    readTopology: async () => {
      const intents = p.byId(look++ === 0 ? [p.intent('media-1'), p.intent('reg-1')] : []);
      const generation = { ...p.GENERATION, traces };
      return p.topology({ nodes: NODES, intents, generation, applied: p.byId(proven) });
    },
    removeIntent: async () => true,
  });
  const { code, out } = await p.carna(`undrain --host ${HOST} --wait`, data);
  for (const nodeId of ['media-1', 'reg-1']) {
    assert.match(out, new RegExp(`\n${nodeId} takes new calls again after .*: on the list of 2/2`));
  }
  assert.equal(code, 0);
});
