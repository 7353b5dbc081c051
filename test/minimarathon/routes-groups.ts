import type { Doc } from './accept.js';
import { Refusal } from './accept.js';
import type { Api } from './api.js';
import { deploy, flag, planTo, started } from './api.js';
import { stepJson } from './events.js';
import { absolutePath, isWithin, parentOf } from './paths.js';
import { podStatusJson } from './pod-views.js';
import type { Answer, Call, Handlers } from './router.js';
import { specFrom } from './routes-apps.js';
import type { RunSpec } from './run-spec.js';
import type { Root } from './store.js';
import { nextSpec, withGroup, withoutGroup, withoutSpec, withSpec } from './store.js';
import { appJson } from './views.js';

/** /v2/groups. */
export function groupRoutes(api: Api): Handlers {
  return {
    'GET /v2/groups': () => ({ status: 200, body: groupJson(api, '/') }),
    'GET /v2/groups/{id}': (call) => {
      const id = absolutePath(`/${call.params.id ?? ''}`);
      if (!api.world.store.root.groups.has(id)) throw unknown(id);
      return { status: 200, body: groupJson(api, id) };
    },
    'PUT /v2/groups': (call) => put(api, call, '/'),
    'PUT /v2/groups/{id}': (call) => put(api, call, absolutePath(`/${call.params.id ?? ''}`)),
    'POST /v2/groups': (call) => {
      const id = absolutePath(((call.body as Doc).id ?? '/') as string);
      if (api.world.store.root.groups.has(id)) {
        throw new Refusal(409, `Group ${id} is already created. Use PUT to change this group.`);
      }
      return { ...put(api, call, id), status: 201 };
    },
    'DELETE /v2/groups/{id}': (call) => {
      const id = absolutePath(`/${call.params.id ?? ''}`);
      if (!api.world.store.root.groups.has(id)) throw unknown(id);
      const next = (root: Root, version: string): Root => withoutGroup(root, id, version);
      return started(deploy(api, { next, isForced: flag(call, 'force'), groupId: id }));
    },
  };
}

const unknown = (id: string): Refusal => new Refusal(404, `Group '${id}' does not exist`);

function put(api: Api, call: Call, id: string): Answer {
  const doc = call.body as Doc;
  if (doc.version !== undefined)
    throw new Refusal(501, 'older versions of groups are not kept here');
  const next = (root: Root, version: string): Root => {
    if (doc.scaleBy === undefined) return withDefinition(root, id, doc, version);
    if (!root.groups.has(id)) throw unknown(id);
    return scaled(root, id, doc.scaleBy as number, version);
  };
  if (flag(call, 'dryRun')) {
    const { store } = api.world;
    const plan = planTo(api, next(store.root, store.nextVersion()));
    return { status: 200, body: { steps: plan.steps.map(stepJson) }, words: '{steps}' };
  }
  return started(deploy(api, { next, isForced: flag(call, 'force'), groupId: id }));
}

/** Multiplies every app below. */
function scaled(root: Root, group: string, factor: number, version: string): Root {
  const specs = [...root.specs.values()].map((spec): RunSpec => {
    if (spec.kind !== 'app' || !isWithin(spec.id, group)) return spec;
    const instances = Math.ceil(spec.app.instances * factor);
    const app = { ...spec.app, instances };
    return nextSpec(spec, { ...spec, app, version, lastScalingAt: version });
  });
  return { ...root, specs: new Map(specs.map((spec) => [spec.id, spec])), version };
}

/** The group as defined: what it lists of apps and groups replaces what was there; pods stay. */
function withDefinition(root: Root, id: string, doc: Doc, version: string): Root {
  const dependencies = (doc.dependencies as string[] | undefined)?.map((path) =>
    absolutePath(path, parentOf(id)),
  );
  let next: Root = { ...root, groups: withGroup(root.groups, id, dependencies), version };
  if (doc.apps !== undefined) next = withApps(next, id, doc.apps as readonly Doc[], version);
  if (doc.groups !== undefined) next = withGroups(next, id, doc.groups as readonly Doc[], version);
  return next;
}

function withApps(root: Root, group: string, apps: readonly Doc[], version: string): Root {
  const ids = apps.map((app) => absolutePath((app.id ?? '') as string, group));
  let next = root;
  for (const spec of root.specs.values()) {
    const isHere = spec.kind === 'app' && parentOf(spec.id) === group;
    if (isHere && !ids.includes(spec.id)) next = withoutSpec(next, spec.id, version);
  }
  apps.forEach((app, index) => {
    const id = ids[index] ?? '';
    if (!isWithin(id, group)) {
      const errors = [`identifier ${id} is not child of '${group}'.`];
      throw new Refusal(422, 'Object is not valid', { details: [{ path: '/id', errors }] });
    }
    next = withSpec(next, specFrom(root.specs.get(id), app, id, version), version);
  });
  return next;
}

function withGroups(root: Root, group: string, groups: readonly Doc[], version: string): Root {
  const ids = groups.map((one) => absolutePath((one.id ?? '') as string, group));
  let next = root;
  for (const path of root.groups.keys()) {
    const isHere = path !== '/' && parentOf(path) === group;
    if (isHere && !ids.includes(path)) next = withoutGroup(next, path, version);
  }
  groups.forEach((one, index) => (next = withDefinition(next, ids[index] ?? '', one, version)));
  return next;
}

function groupJson(api: Api, id: string): Doc {
  const { world, deployments } = api;
  const { specs, groups, version } = world.store.root;
  const here = [...specs.values()].filter((spec) => parentOf(spec.id) === id);
  const below = [...groups.keys()].filter((path) => path !== '/' && parentOf(path) === id);
  return {
    id,
    version,
    dependencies: groups.get(id) ?? [],
    apps: here
      .filter(({ kind }) => kind === 'app')
      .map((spec) => appJson(world, deployments, spec, false)),
    pods: here.filter(({ kind }) => kind === 'pod').map((spec) => podStatusJson(world, spec)),
    groups: below.map((path) => groupJson(api, path)),
  };
}
