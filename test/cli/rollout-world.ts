import type { OperatorData } from '../../src/cli/operator-data.js';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { goodApp } from '../marathon/lint/good.js';
import { MarathonWorld } from './marathon-world.js';
import { runInWorld } from './run-in-world.js';
import type { Outcome, Terminal } from './support.js';
import type { WorldTask } from './world-nodes.js';

export const MEDIA = '/prod/dc1/media';

export const appOf = (more: Definition = {}): Definition => ({ ...goodApp(), id: MEDIA, ...more });

/** A new definition: other CPUs. */
export const NEW = appOf({ cpus: 3 });

/** Runs `carna rollout media`; null: without a file. */
export async function rollout(
  world: MarathonWorld,
  definition: Definition | null,
  line = '--yes',
  terminal: Terminal = {},
  data: Partial<OperatorData> = {},
): Promise<Outcome> {
  return runInWorld(world, {
    file: 'media.json',
    definition: definition ?? undefined,
    words: (path) => `rollout media ${definition === null ? '' : path} --deadline 10m ${line}`,
    terminal,
    data,
  });
}

/** Replaces one node after the other; each look is a step. `start` says what becomes of a new task. */
export function oneByOne(
  start: (task: WorldTask, count: number) => void = () => undefined,
): MarathonWorld['play'] {
  return (world, [id = '']) => {
    let looks = 0;
    let count = 0;
    return () => {
      const app = world.apps.get(id);
      if (app === undefined || ++looks < 2) return false;
      const old = app.tasks.find(({ version }) => version !== app.version);
      const last = app.tasks.at(-1);
      const isReady = last?.version !== app.version || last.isListed;
      if (old === undefined && app.tasks.length === app.instances) return isReady;
      if (app.tasks.length < app.instances) {
        const task = world.newTask(id);
        start(task, ++count);
        app.tasks.push(task);
      } else if (old?.nodeState === 'up' && isReady) {
        old.nodeState = 'draining';
      } else if (old?.nodeState === 'draining') {
        old.calls = Math.max(0, old.calls - 5);
        if (old.calls === 0) app.tasks.splice(app.tasks.indexOf(old), 1);
      }
      return false;
    };
  };
}

/** A media app whose nodes all run, with 10 calls each. */
export function mediaWorld(play = oneByOne(), instances = 3): MarathonWorld {
  const world = new MarathonWorld();
  world.run(MEDIA, appOf(), instances, 10);
  world.play = play;
  return world;
}

/** Versions of the tasks there are, in order. */
export const versions = (world: MarathonWorld): number[] =>
  (world.apps.get(MEDIA)?.tasks ?? []).map(({ version }) => version).sort();
