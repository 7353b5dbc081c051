import assert from 'node:assert/strict';
import type { OperatorData } from '../../../src/cli/operator-data.js';
import { withFake } from '../../marathon/client/fake-marathon.js';
import * as p from '../support.js';
import { Platform } from './platform.js';
import { mediaTask, SmallMarathon } from './small-marathon.js';

/** What a test of `carna scale` acts on. */
export interface Stage {
  readonly platform: Platform;
  readonly marathon: SmallMarathon;
  /** Runs a command line; `onTick` is called after each step of time. */
  readonly carna: (
    line: string,
    onTick?: (count: number, interrupt: () => void) => void,
    more?: { readonly data?: Partial<OperatorData>; readonly terminal?: p.Terminal },
  ) => Promise<p.Outcome>;
}

/** A platform of so many media nodes with these calls, and a Marathon that runs them. */
export async function withStage(
  calls: readonly number[],
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const platform = new Platform();
  const marathon = new SmallMarathon(platform, calls.length);
  calls.forEach((count, i) => {
    const node = platform.nodes.get(mediaTask(i + 1));
    if (node !== undefined) node.calls = count;
  });
  await withFake(marathon.handle, async ({ url }) => {
    const env = { CARNA_MARATHON: url, CARNA_CLUSTER: 'carna', CARNA_MARATHON_TIMEOUT_MS: '30000' };
    await use({
      platform,
      marathon,
      carna: (line, onTick, more = {}) =>
        p.carna(line, platform.data(more.data), {
          ...more.terminal,
          env: { ...env, ...more.terminal?.env },
          onWait: (count, interrupt) => {
            marathon.tick();
            onTick?.(count, interrupt);
          },
        }),
    });
  });
}

/** The world after a way down that went well. */
export function assertDown(stage: Stage, killed: readonly string[], instances: number): void {
  const { platform, marathon } = stage;
  assert.deepEqual([...platform.killed].sort(), [...killed].sort());
  assert.deepEqual(platform.undrainedKills, []);
  assert.equal(marathon.instances, instances);
  assert.deepEqual([...platform.intents.keys()], []);
}
