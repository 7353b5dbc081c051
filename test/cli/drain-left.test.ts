import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Keeping } from './keeping-intents.js';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

/** Runs `line` on a terminal and presses Ctrl-C while the agents are asked, or while a drain is written. */
async function leaveAt(
  line: string,
  moment: 'look' | 'write',
  meanwhile: (keeping: Keeping) => void = () => undefined,
): Promise<p.Outcome & Pick<Keeping, 'intents'>> {
  let leave = (): void => undefined;
  let isAnswered = false;
  const keeping: Keeping = keepingIntents({
    readAgentHealth: async () => {
      if (isAnswered && moment === 'look') leave();
      return { nodeId: null, state: 'up', calls: 61, drain: null };
    },
    changeIntent: (...asked) =>
      p.changing(keeping.intents, async (intent) => {
        if (moment === 'write') leave();
        meanwhile(keeping);
        keeping.intents.set(intent.nodeId, intent);
      })(...asked),
  });
  const outcome = await p.carna(line, keeping.data, {
    ...{ columns: 100, input: 'y\n' },
    onWait: () => {
      throw new Error('it waits although somebody left');
    },
    onOutput: (text, interrupt) => {
      leave = interrupt;
      isAnswered ||= text.includes('[y/N]');
    },
  });
  return { ...outcome, intents: keeping.intents };
}

for (const what of ['media-1', '--host 10.0.3.1']) {
  test(`drain ${what}: Ctrl-C while agents are asked for their calls changes nothing`, async () => {
    const { code, err, intents, listeners } = await leaveAt(`drain ${what}`, 'look');
    assert.deepEqual([code, err, intents.size, listeners], [1, 'nothing was changed\n', 0, 0]);
  });

  test(`drain ${what} --wait: Ctrl-C while it is written leaves a drain that was judged, and says so`, async () => {
    const { code, out, intents, listeners } = await leaveAt(`drain ${what} --wait`, 'write');
    assert.match(out, /drain asked.*\. Undo: carna undrain .*\n$/);
    assert.deepEqual([code, [...intents.keys()], listeners], [1, ['media-1'], 0]);
  });

  test(`drain ${what}: Ctrl-C while it is written does not keep it from being taken back`, async () => {
    const theirs = ['media-10', 'media-2'];
    const left = await leaveAt(`drain ${what} --wait`, 'write', ({ intents }) =>
      theirs.forEach((nodeId) => intents.set(nodeId, p.intent(nodeId))),
    );
    assert.match(left.err, /Who was drained for this alone takes calls again/);
    assert.deepEqual([left.code, [...left.intents.keys()].sort()], [4, theirs]);
  });
}
