import type { Doc } from './accept.js';
import { accept, Refusal } from './accept.js';
import type { Api } from './api.js';
import { deploy, flag, started } from './api.js';
import { normalise } from './definition.js';
import { apiPost } from './events.js';
import { absolutePath, isWithin } from './paths.js';
import type { Answer, Call, Handlers } from './router.js';
import type { RunSpec } from './run-spec.js';
import { appSpec } from './run-spec.js';
import type { Root } from './store.js';
import { nextSpec, resolved, specOf, withoutSpec, withSpec } from './store.js';
import { appJson, definitionJson } from './views.js';

/** /v2/apps, but for the tasks. */
export function appRoutes(api: Api): Handlers {
  return {
    'GET /v2/apps': (call) => ({ status: 200, body: { apps: listed(api, call) } }),
    'POST /v2/apps': (call) => create(api, call),
    'PUT /v2/apps': (call) => updateMany(api, call),
    'GET /v2/apps/{id}': (call) => read(api, call),
    'PUT /v2/apps/{id}': (call) => update(api, call, true),
    'PATCH /v2/apps/{id}': (call) => update(api, call, false),
    'DELETE /v2/apps/{id}': (call) => remove(api, call),
    'POST /v2/apps/{id}/restart': (call) => restart(api, call),
    'GET /v2/apps/{id}/versions': (call) => ({
      status: 200,
      body: { versions: versions(api, call).map(({ version }) => version) },
    }),
    'GET /v2/apps/{id}/versions/{version}': (call) => {
      const spec = versions(api, call).find(({ version }) => version === call.params.version);
      if (spec === undefined) throw new Refusal(404, `no version ${call.params.version}`);
      return { status: 200, body: definitionJson(spec) };
    },
  };
}

const idOf = (call: Call): string => absolutePath(`/${call.params.id ?? ''}`);

function listed(api: Api, call: Call, under = '/'): readonly Doc[] {
  const { world, deployments } = api;
  const hasTasks = call.query.getAll('embed').includes('apps.tasks');
  const part = call.query.get('id') ?? '';
  return [...world.store.root.specs.values()]
    .filter(({ kind, id }) => kind === 'app' && id.includes(part) && isWithin(id, under))
    .map((spec) => appJson(world, deployments, spec, hasTasks));
}

function read(api: Api, call: Call): Answer {
  const { world, deployments } = api;
  const spec = specOf(world.store.root, idOf(call), 'app');
  return { status: 200, body: { app: appJson(world, deployments, spec, true) } };
}

function versions(api: Api, call: Call): readonly RunSpec[] {
  const { store } = api.world;
  return store.versionsOf(specOf(store.root, idOf(call), 'app').id);
}

function create(api: Api, call: Call): Answer {
  const doc = call.body as Doc;
  const id = absolutePath(doc.id as string);
  const { world, deployments } = api;
  if (world.store.root.specs.has(id)) {
    throw new Refusal(409, `An app with id [${id}] already exists.`);
  }
  const next = (root: Root, version: string): Root =>
    withSpec(root, specFrom(undefined, doc, id, version), version);
  const deployment = deploy(api, { next, isForced: flag(call, 'force') });
  world.hub.publish(apiPost(call.clientIp, call.uri, doc));
  const spec = specOf(world.store.root, id, 'app');
  const body = { ...appJson(world, deployments, spec, true), deployments: [{ id: deployment.id }] };
  return { status: 201, body, headers: { 'Marathon-Deployment-Id': deployment.id } };
}

/** A merge unless partialUpdate=false; an unknown app is created by PUT alone. */
function update(api: Api, call: Call, mayCreate: boolean): Answer {
  const id = idOf(call);
  const isKnown = api.world.store.root.specs.get(id)?.kind === 'app';
  if (!isKnown && !mayCreate) throw new Refusal(404, `App '${id}' does not exist`);
  const next = (root: Root, version: string): Root => updated(api, root, call, id, version);
  const deployment = deploy(api, { next, isForced: flag(call, 'force') });
  api.world.hub.publish(apiPost(call.clientIp, call.uri, call.body as Doc));
  return started(deployment, isKnown ? 200 : 201);
}

function updateMany(api: Api, call: Call): Answer {
  const next = (root: Root, version: string): Root =>
    (call.body as readonly Doc[]).reduce((sum, body) => {
      const id = absolutePath((body.id ?? '') as string);
      return updated(api, sum, { ...call, body }, id, version);
    }, root);
  return started(deploy(api, { next, isForced: flag(call, 'force') }));
}

function updated(api: Api, root: Root, call: Call, id: string, version: string): Root {
  const doc = call.body as Doc;
  const before = root.specs.get(id);
  const isMerge = flag(call, 'partialUpdate', true);
  const base = before === undefined || !isMerge ? {} : (before.app as unknown as Doc);
  const old = doc.version === undefined ? undefined : versionOf(api, id, doc.version as string);
  const merged = { ...(old?.app ?? withoutRivals(base, doc)), ...(old === undefined ? doc : {}) };
  return withSpec(root, specFrom(before, merged, id, version), version);
}

/** What a new cmd replaces are the old args, and the other way round. */
function withoutRivals(base: Doc, doc: Doc): Doc {
  const { cmd, args, ...rest } = base;
  if (doc.cmd !== undefined || doc.args !== undefined) return rest;
  return {
    ...rest,
    ...(cmd === undefined ? {} : { cmd }),
    ...(args === undefined ? {} : { args }),
  };
}

function versionOf(api: Api, id: string, version: string): RunSpec {
  const found = api.world.store.versionsOf(id).find((spec) => spec.version === version);
  if (found === undefined) throw new Refusal(422, 'Object is not valid', { details: 'no version' });
  return found;
}

/** A valid definition as the next version. Throws a Refusal with 422. */
export function specFrom(
  before: RunSpec | undefined,
  doc: Doc,
  id: string,
  version: string,
): RunSpec {
  const accepted = accept('app', { ...doc, id });
  return nextSpec(before, appSpec(resolved(normalise(accepted, id, before?.app)), version));
}

function remove(api: Api, call: Call): Answer {
  const id = specOf(api.world.store.root, idOf(call), 'app').id;
  const next = (root: Root, version: string): Root => withoutSpec(root, id, version);
  // The code's default, unlike everywhere else.
  return started(deploy(api, { next, isForced: flag(call, 'force', true) }));
}

function restart(api: Api, call: Call): Answer {
  const spec = specOf(api.world.store.root, idOf(call), 'app');
  const next = (root: Root, version: string): Root => {
    const marked = { ...spec, version, lastScalingAt: version, lastConfigChangeAt: version };
    return withSpec(root, marked, version);
  };
  return started(deploy(api, { next, isForced: flag(call, 'force') }));
}
