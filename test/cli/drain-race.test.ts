import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrainJson } from '../../src/cli/json-shapes.js';
import type { IntentRecord } from '../../src/topology/node.js';
import { RegistryNotSentError } from '../../src/util/errors.js';
import type { Keeping } from './keeping-intents.js';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

const REFUSED =
  /^refused \(exit 4\): set 30 would keep no media nodes for new calls, at least 1 is asked for/;
const THEIRS = ['media-10', 'media-2'];

/** Somebody else asks the others of the role to drain. */
const others = ({ intents }: Keeping): void =>
  THEIRS.forEach((nodeId) => intents.set(nodeId, p.intent(nodeId)));

/** Somebody else's drains are written just before our first; `remove` takes one away. */
function met(remove?: (nodeId: string) => Promise<void>): Keeping {
  const write = async (intent: IntentRecord): Promise<void> => {
    if (keeping.intents.size === 0) others(keeping);
    keeping.intents.set(intent.nodeId, intent);
  };
  const keeping: Keeping = keepingIntents({
    changeIntent: (...asked) => p.changing(keeping.intents, write, remove)(...asked),
  });
  return keeping;
}

for (const what of ['media-1', '--host 10.0.3.1']) {
  test(`drain ${what}: drains that somebody else asks for at the question are seen after it`, async () => {
    const writes: IntentRecord[] = [];
    const keeping = keepingIntents({
      changeIntent: p.changing(new Map(), async (intent) => void writes.push(intent)),
    });
    const { code, err } = await p.carna(`drain ${what}`, keeping.data, {
      ...{ columns: 100, input: 'y\n' },
      onOutput: (text) => (text.includes('[y/N]') ? others(keeping) : undefined),
    });
    assert.match(err, REFUSED);
    assert.match(
      err,
      /\nNothing was changed\. Bring another media node up first, or: carna drain /,
    );
    assert.deepEqual([code, writes], [4, []]);
  });

  test(`drain ${what}: who sees the drains of another beside its own takes its own back`, async () => {
    const keeping = met();
    const { code, out, err } = await p.carna(`drain ${what} --yes`, keeping.data);
    assert.match(err, REFUSED);
    assert.match(
      err,
      /in the same moment\. Who was drained for this alone takes calls again\. Bring/,
    );
    assert.doesNotMatch(out, /drain asked/);
    assert.deepEqual([code, [...keeping.intents.keys()].sort()], [4, THEIRS]);
    const json = await p.carna(`drain ${what} --yes --json`, met().data);
    const last = JSON.parse(json.out.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    assert.deepEqual([json.code, last['did'], last['intent']], [4, 'refused', null]);
  });

  test(`drain ${what}: one that could not be taken back is no clean refusal`, async () => {
    const remove = async (): Promise<void> => {
      throw new RegistryNotSentError('ZooKeeper is away');
    };
    const { code, err } = await p.carna(`drain ${what} --yes`, met(remove).data);
    assert.match(err, /^refused \(exit 3\): set 30 would keep no media nodes/);
    assert.match(
      err,
      /in the same moment\. Bring another media node up first, or: carna drain \S+.* --force\nStill draining, because it could not be taken back \(ZooKeeper is away\): media-1\.\nUndo: carna undrain media-1\n$/,
    );
    assert.equal(code, 3);
    const json = await p.carna(`drain ${what} --yes --json`, met(remove).data);
    const last = JSON.parse(json.out.trim().split('\n').at(-1) ?? '') as DrainJson;
    assert.deepEqual([json.code, last.did, last.intent?.by], [3, 'refused', 'bob']);
  });

  test(`drain ${what}: what somebody else made of ours stays although the view still shows ours`, async () => {
    let shown = p.byId<IntentRecord>([]);
    const write = async (intent: IntentRecord): Promise<void> => {
      others(keeping);
      keeping.intents.set(intent.nodeId, intent);
      shown = new Map(keeping.intents);
      keeping.intents.set(intent.nodeId, { ...intent, now: true });
    };
    const keeping: Keeping = keepingIntents({
      readTopology: async () => p.topology({ intents: shown }),
      changeIntent: (...asked) => p.changing(keeping.intents, write)(...asked),
    });
    const { code, err } = await p.carna(`drain ${what} --yes`, keeping.data);
    assert.match(err, /Still draining, as somebody else asked meanwhile: media-1\. Bring/);
    assert.deepEqual([code, keeping.intents.get('media-1')?.now], [4, true]);
  });

  test(`drain ${what} --force goes against what others ask, too`, async () => {
    const keeping = met();
    const { code, out } = await p.carna(`drain ${what} --yes --force`, keeping.data);
    assert.deepEqual([code, keeping.intents.size], [0, 3], out);
  });

  test(`drain ${what}: a drain that somebody else asks for at the question stays theirs`, async () => {
    const keeping = keepingIntents();
    const { code } = await p.carna(`drain ${what} --deadline 30m`, keeping.data, {
      ...{ columns: 100, input: 'y\n' },
      onOutput: (text) => {
        if (text.includes('[y/N]')) keeping.intents.set('media-1', p.intent('media-1'));
      },
    });
    const deadline = p.NOW + 30 * 60_000;
    assert.deepEqual(
      [code, keeping.intents.get('media-1')],
      [0, p.intent('media-1', { deadline })],
    );
  });

  test(`drain ${what}: one that somebody else asks for while agents are asked stays theirs`, async () => {
    const ann = p.intent('media-1', { why: 'disk', deadline: null });
    let isAnswered = false;
    const keeping: Keeping = keepingIntents({
      readAgentHealth: async () => {
        if (isAnswered) keeping.intents.set('media-1', ann);
        isAnswered = false;
        return { nodeId: null, state: 'up', calls: 61, drain: null };
      },
    });
    const { code, out } = await p.carna(`drain ${what}`, keeping.data, {
      ...{ columns: 100, input: 'y\n' },
      onOutput: (text) => void (isAnswered ||= text.includes('[y/N]')),
    });
    assert.deepEqual([code, [...keeping.intents.values()]], [0, [ann]]);
    assert.match(
      out,
      /media-1: drain was asked 60 s ago by ann: disk\. Undo: carna undrain media-1\n$/,
    );
  });
}

test('drain --host --json: what could not be judged and was taken back is told', async () => {
  const keeping: Keeping = keepingIntents({
    readTopology: async () =>
      p.topology({ intents: new Map(keeping.intents), isFresh: keeping.intents.size === 0 }),
  });
  const { code, out } = await p.carna('drain --host 10.0.3.1 --yes --json', keeping.data);
  const lines = out.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as DrainJson).did),
    ['asked', 'undrained'],
  );
  assert.deepEqual([code, keeping.intents.size], [3, 0]);
});
