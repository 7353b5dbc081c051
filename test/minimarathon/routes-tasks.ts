import { Refusal } from './accept.js';
import type { Api } from './api.js';
import { deploy, flag, started } from './api.js';
import type { Instance } from './instance.js';
import { isActive } from './instance.js';
import { absolutePath, instanceIdOf } from './paths.js';
import type { Answer, Call, Handlers } from './router.js';
import type { Root } from './store.js';
import { nextSpec, specOf } from './store.js';
import { tasksJson } from './views.js';

/** Tasks, and their end: with `scale` in one call with the number of instances. */
export function taskRoutes(api: Api): Handlers {
  return {
    'GET /v2/tasks': (call) => ({ status: 200, body: { tasks: allTasks(api, call) } }),
    'GET /v2/apps/{id}/tasks': (call) => ({
      status: 200,
      body: { tasks: instancesOf(api, call).flatMap(tasksJson) },
    }),
    'DELETE /v2/apps/{id}/tasks': (call) => {
      const host = call.query.get('host');
      const isMeant = (one: Instance): boolean =>
        host === null || host === '*' || one.host?.hostname === host;
      return endOf(api, call, doomedOf(api, call).filter(isMeant), listAnswer);
    },
    'DELETE /v2/apps/{id}/tasks/{task}': (call) => deleteOne(api, call),
    'POST /v2/tasks/delete': (call) => deleteMany(api, call),
  };
}

const listAnswer = (killed: readonly Instance[]): Answer => ({
  status: 200,
  body: { tasks: killed.flatMap(tasksJson) },
});

function instancesOf(api: Api, call: Call): readonly Instance[] {
  const id = absolutePath(`/${call.params.id ?? ''}`);
  return api.world.tracker.of(specOf(api.world.store.root, id, 'app').id);
}

/** With scale an app without any instance is 404, like one that is none. */
function doomedOf(api: Api, call: Call): readonly Instance[] {
  const instances = instancesOf(api, call);
  if (flag(call, 'scale') && instances.length === 0) {
    throw new Refusal(404, `App '/${call.params.id ?? ''}' does not exist`);
  }
  return instances;
}

function allTasks(api: Api, call: Call): readonly unknown[] {
  const wanted = [...call.query.getAll('status'), ...call.query.getAll('status[]')];
  const states = wanted.map((status) => `TASK_${status.toUpperCase()}`);
  return api.world.tracker.all
    .filter(({ spec }) => spec.kind === 'app')
    .flatMap(tasksJson)
    .filter(({ state }) => states.length === 0 || states.includes(state as string));
}

/** By the instance's uuid: the incarnation is ignored. An id that matches nothing kills nothing. */
function deleteOne(api: Api, call: Call): Answer {
  const wanted = instanceIdOf(call.params.task ?? '');
  const found = doomedOf(api, call).filter(({ id }) => id === wanted);
  return endOf(api, call, found, (killed) => {
    const task = killed.flatMap(tasksJson)[0];
    if (task === undefined) throw new Refusal(404, `Task '${call.params.task}' does not exist`);
    return { status: 200, body: { task } };
  });
}

/** Apps only: the tasks of pods are ignored. */
function deleteMany(api: Api, call: Call): Answer {
  const { ids } = call.body as { ids: readonly string[] };
  const wanted = ids.map((id) => {
    const instanceId = instanceIdOf(id);
    if (instanceId === undefined) throw new Refusal(400, `Invalid task id '${id}'.`);
    return instanceId;
  });
  const found = api.world.tracker.all.filter(
    ({ id, spec }) => wanted.includes(id) && spec.kind === 'app',
  );
  return endOf(api, call, found, listAnswer);
}

function endOf(
  api: Api,
  call: Call,
  instances: readonly Instance[],
  answer: (killed: readonly Instance[]) => Answer,
): Answer {
  const isScale = flag(call, 'scale');
  const isWipe = flag(call, 'wipe');
  if (isScale && isWipe) {
    throw new Refusal(400, 'You cannot use scale and wipe at the same time.');
  }
  if (isScale) return started(killAndScale(api, instances, flag(call, 'force')));
  const result = answer(instances);
  for (const instance of instances) {
    if (isWipe) api.world.tracker.setGoal(instance, 'Decommissioned');
    else if (isActive(instance.condition)) api.kills.kill(instance);
  }
  return result;
}

/** Lowers the instances by the number of active victims, inside the same change that kills them. */
function killAndScale(
  api: Api,
  found: readonly Instance[],
  isForced: boolean,
): ReturnType<typeof deploy> {
  const victims = found.filter(({ condition }) => isActive(condition));
  const byApp = new Map<string, Instance[]>();
  for (const victim of victims) {
    byApp.set(victim.spec.id, [...(byApp.get(victim.spec.id) ?? []), victim]);
  }
  const next = (root: Root, version: string): Root => {
    const specs = new Map(root.specs);
    for (const [id, doomed] of byApp) {
      const spec = specs.get(id);
      if (spec === undefined) continue;
      const fewer = doomed.filter(({ condition }) => condition !== 'Killing').length;
      const instances = Math.max(0, spec.app.instances - fewer);
      const scaled = { ...spec, app: { ...spec.app, instances }, version, lastScalingAt: version };
      specs.set(id, nextSpec(spec, scaled));
    }
    return { ...root, specs, version };
  };
  const toKill = new Map([...byApp].map(([id, doomed]) => [id, doomed.map((one) => one.id)]));
  return deploy(api, { next, isForced, toKill });
}
