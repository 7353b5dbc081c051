import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../../src/cli/operator-data.js';
import type { IntentRecord } from '../../../src/topology/node.js';
import { RegistryNotSentError } from '../../../src/util/errors.js';
import * as p from '../support.js';
import { assertDown, withStage } from './scale-stage.js';
import type { Stage } from './scale-stage.js';
import { mediaTask } from './small-marathon.js';

const SCALE_IN = `scale-in ${mediaTask(1)} ${mediaTask(2)}`;
const THEIRS = [mediaTask(3), mediaTask(4)];
const REFUSED =
  /refused \(exit 4\): set 30 would keep no media nodes for new calls, at least 1 is asked for/;

/** Somebody else asks the other half to drain. */
const others = ({ platform }: Stage): void =>
  THEIRS.forEach((nodeId) => platform.intents.set(nodeId, p.intent(nodeId)));

const away = async (): Promise<void> => {
  throw new RegistryNotSentError('ZooKeeper is away');
};

const assertOnlyTheirs = ({ platform }: Stage): void => {
  assert.deepEqual([...platform.intents.keys()].sort(), THEIRS);
  assert.deepEqual(platform.killed, []);
};

for (const line of [SCALE_IN, 'scale media 2']) {
  test(`${line.split(' ')[0] ?? ''}: drains that somebody else asks for at the question are seen after it`, () =>
    withStage([1, 1, 9, 9], async (stage) => {
      const writes: IntentRecord[] = [];
      const changeIntent = p.changing(stage.platform.intents, async (intent) => {
        writes.push(intent);
        stage.platform.intents.set(intent.nodeId, intent);
      });
      const terminal = {
        ...{ columns: 200, input: 'y\n' },
        onOutput: (text: string) => (text.includes('[y/N]') ? others(stage) : undefined),
      };
      const more = { data: { changeIntent }, terminal };
      const { code, err } = await stage.carna(line, undefined, more);
      assert.equal(code, 4, err);
      assert.match(err, REFUSED);
      assert.match(err, /Nothing was changed/);
      assert.deepEqual(writes, []);
      assertOnlyTheirs(stage);
    }));
}

test('two that ask at the same time: who sees the drains of the other takes its own back', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    const { intents } = stage.platform;
    const changeIntent = p.changing(intents, async (intent) => {
      if (intents.size === 0) others(stage);
      intents.set(intent.nodeId, intent);
    });
    const { code, out, err } = await stage.carna(`${SCALE_IN} --yes`, undefined, {
      data: { changeIntent },
    });
    assert.equal(code, 4, out);
    assert.match(err, REFUSED);
    assert.match(err, /Nothing was killed\.\nWho was drained for this alone takes calls again\./);
    assert.match(out, /01\._app\.1: its drain is taken back/);
    assertOnlyTheirs(stage);
  }));

test('drains that could not be taken back are no clean refusal', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    const { intents } = stage.platform;
    const write = async (intent: IntentRecord): Promise<void> => {
      if (intents.size === 0) others(stage);
      intents.set(intent.nodeId, intent);
    };
    const { code, out, err } = await stage.carna(`${SCALE_IN} --yes`, undefined, {
      data: { changeIntent: p.changing(intents, write, away) },
    });
    assert.match(err, /^refused \(exit 3\): set 30 would keep no media nodes/);
    assert.match(
      err,
      /Nothing was killed\.\nStill draining, because it could not be taken back \(ZooKeeper is away\): \S+01\S+, \S+02\S+\.\nUndo: carna undrain /,
    );
    assert.deepEqual([code, intents.size, stage.platform.killed], [3, 4, []], out);
  }));

test('a drain that somebody else asks for while agents are asked stays theirs', () =>
  withStage([5, 50, 60], async (stage) => {
    const { intents } = stage.platform;
    const ann = p.intent(mediaTask(1), { why: 'disk', deadline: null });
    const real = stage.platform.data();
    let isAnswered = false;
    const readAgentHealth: OperatorData['readAgentHealth'] = async (http) => {
      if (isAnswered) intents.set(mediaTask(1), ann);
      isAnswered = false;
      return real.readAgentHealth(http);
    };
    const terminal = {
      ...{ columns: 200, input: 'y\n' },
      onOutput: (text: string) => void (isAnswered ||= text.includes('[y/N]')),
    };
    const { code, out } = await stage.carna('scale media 2', () => stage.marathon.scaleTo(4), {
      data: { readAgentHealth },
      terminal,
    });
    assert.match(out, /somebody else changed it meanwhile: nothing was killed/);
    assert.deepEqual([code, [...intents.values()]], [1, [ann]]);
  }));

test('drains that come with the last answer of an agent are not missed', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    let asked = 0;
    const real = stage.platform.data();
    const readAgentHealth = async (http: string) => {
      const health = await real.readAgentHealth(http);
      // Four for the plan, four for the check.
      if (++asked === 8) others(stage);
      return health;
    };
    const { code, out } = await stage.carna(`${SCALE_IN} --yes`, undefined, {
      data: { readAgentHealth },
    });
    assert.equal(code, 4, out);
    assertOnlyTheirs(stage);
  }));

/** The registry shows what is written only after the next wait, as a watch does. */
function lateView(stage: Stage): {
  readonly more: { readonly data: Pick<OperatorData, 'readTopology'> };
  readonly show: () => void;
} {
  let shown = new Map<string, IntentRecord>();
  const real = stage.platform.data();
  const readTopology = async () => ({ ...(await real.readTopology()), intents: new Map(shown) });
  const show = (): void => void (shown = new Map(stage.platform.intents));
  return { more: { data: { readTopology } }, show };
}

test('it is judged once our own drains came back to us, although our nodes drain by then', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    const { more, show } = lateView(stage);
    let isFirst = true;
    const { code, out } = await stage.carna(
      `${SCALE_IN} --yes`,
      () => {
        if (isFirst) others(stage);
        isFirst = false;
        show();
      },
      more,
    );
    assert.equal(code, 4, out);
    assertOnlyTheirs(stage);
  }));

test('our own drains that come back late are nobody else’s', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    const { more, show } = lateView(stage);
    const { code, out } = await stage.carna(`${SCALE_IN} --yes`, show, more);
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(1), mediaTask(2)], 2);
  }));

test('drains that were asked for while a deployment was waited for count', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    stage.marathon.lock(5);
    const { code, out, err } = await stage.carna(`${SCALE_IN} --yes`, (count) => {
      if (count === 2) others(stage);
    });
    assert.equal(code, 4, out);
    assert.match(err, REFUSED);
    assertOnlyTheirs(stage);
  }));

test('a node that announces itself while a deployment is waited for is drained like any other', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    const node = stage.platform.nodes.get(mediaTask(1));
    if (node === undefined) throw new Error('no node');
    Object.assign(node, { hasZnode: false, hasRow: false, age: -4, state: 'starting' });
    stage.marathon.lock(7);
    const { code, out, err } = await stage.carna(`${SCALE_IN} --yes`);
    assert.equal(code, 0, out + err);
    assertDown(stage, [mediaTask(1), mediaTask(2)], 2);
  }));

test('ZooKeeper goes away at the question: exit code 3, nothing is drained', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    const terminal = {
      ...{ columns: 200, input: 'y\n' },
      onOutput: (text: string) => void (stage.platform.isFresh &&= !text.includes('[y/N]')),
    };
    const { code, err } = await stage.carna(SCALE_IN, undefined, { terminal });
    assert.equal(code, 3, err);
    assert.match(err, /ZooKeeper is away/);
    assert.equal(stage.platform.intents.size, 0);
  }));

test('--force goes against what others ask, too', () =>
  withStage([1, 1, 1, 1], async (stage) => {
    others(stage);
    const { code, out } = await stage.carna(`${SCALE_IN} --yes --force`);
    assert.equal(code, 0, out);
    assert.deepEqual([...stage.platform.killed].sort(), [mediaTask(1), mediaTask(2)]);
  }));
