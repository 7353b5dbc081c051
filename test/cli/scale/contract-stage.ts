import assert from 'node:assert/strict';
import { wait } from '../../../src/util/wait.js';
import { MemoryDriver } from '../../minimarathon/memory-driver.js';
import type { Faults } from '../../minimarathon/faults.js';
import type { Rig } from '../../minimarathon/support.js';
import { hosts, sleeper, withRig } from '../../minimarathon/support.js';
import * as p from '../support.js';
import { Platform } from './platform.js';

/** The app that is scaled. */
export const MEDIA = '/carna/dc1/media';
/** Real time for each second that a command waits: the contract server's own life goes on in it. */
export const SECOND_MS = 4;

/** Called after each second that a command waits; `interrupt` is Ctrl-C. */
export type OnTick = (count: number, interrupt: () => void) => void | Promise<void>;

/** What a test acts on. */
export interface Stage {
  readonly rig: Rig;
  readonly faults: Faults;
  readonly platform: Platform;
  readonly carna: (line: string, onTick?: OnTick) => Promise<p.Outcome>;
  /** Task ids, the oldest first. */
  readonly ids: () => Promise<readonly string[]>;
}

/** The contract server with a model of the nodes behind its tasks; media nodes carry these calls. */
export async function withStage(
  calls: readonly number[],
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const platform = new Platform();
  const memory = new MemoryDriver((task) => {
    const { taskId, appId } = task.spec;
    platform.launch(taskId, appId, 0, -1);
    void task.ended.then(() =>
      task.stops.length > 0 ? platform.kill(taskId) : platform.vanish(taskId),
    );
  });
  await withRig(
    async (rig) => {
      const unreachableStrategy = { inactiveAfterSeconds: 0, expungeAfterSeconds: 7_200 };
      const constraints = [['hostname', 'UNIQUE']];
      const more = { instances: calls.length, unreachableStrategy, constraints };
      const app = sleeper(MEDIA, more);
      await rig.settle('POST', '/v2/apps', app, 201);
      for (let i = 0; i < 5; i++) platform.tick();
      [...platform.nodes.values()].forEach((node, i) => (node.calls = calls[i] ?? 0));
      const { url, standbyUrl, faults } = rig.marathon;
      const env = {
        ...{ CARNA_MARATHON: `${url},${standbyUrl}`, CARNA_CLUSTER: 'carna' },
        CARNA_MARATHON_TIMEOUT_MS: '60000',
      };
      const carna: Stage['carna'] = (line, onTick) =>
        p.carna(line, platform.data(), {
          env,
          onWait: async (count, interrupt) => {
            await wait(SECOND_MS);
            platform.tick();
            await onTick?.(count, interrupt);
          },
        });
      await use({ rig, faults, platform, carna, ids: () => rig.taskIds(MEDIA) });
    },
    { memory, hosts: hosts(8) },
  );
}

/** The first node that drains. */
export const draining = (platform: Platform): string | undefined =>
  [...platform.nodes.values()].find(({ state }) => state === 'draining')?.nodeId;

/** So many instances are left, and nobody undrained died. */
export async function assertEnd(stage: Stage, instances: number): Promise<void> {
  await stage.rig.idle();
  assert.deepEqual(stage.platform.undrainedKills, []);
  assert.deepEqual([...stage.platform.intents.keys()], []);
  const app = await stage.rig.app(MEDIA);
  assert.deepEqual([app.instances, (app.tasks as unknown[]).length], [instances, instances]);
}
