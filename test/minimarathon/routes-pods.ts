import type { Doc } from './accept.js';
import { Refusal } from './accept.js';
import type { Api } from './api.js';
import { deploy, flag } from './api.js';
import { podEvent } from './events.js';
import type { Instance } from './instance.js';
import { absolutePath } from './paths.js';
import { podSpec } from './pod-spec.js';
import { instanceJson, podStatusJson } from './pod-views.js';
import type { Answer, Call, Handlers } from './router.js';
import type { Root } from './store.js';
import { nextSpec, specOf, withoutSpec, withSpec } from './store.js';

/** /v2/pods: definitions, their status, and the end of an instance, which never scales. */
export function podRoutes(api: Api): Handlers {
  const { world } = api;
  const pods = () => [...world.store.root.specs.values()].filter(({ kind }) => kind === 'pod');
  const podOf = (call: Call) =>
    specOf(world.store.root, absolutePath(`/${call.params.id ?? ''}`), 'pod');
  return {
    'HEAD /v2/pods': () => ({ status: 200 }),
    'GET /v2/pods': () => ({ status: 200, body: pods().map(({ pod }) => pod) }),
    'POST /v2/pods': (call) => put(api, call, undefined),
    'PUT /v2/pods/{id}': (call) => put(api, call, podOf(call).id),
    'DELETE /v2/pods/{id}': (call) => {
      const { id } = podOf(call);
      const next = (root: Root, version: string): Root => withoutSpec(root, id, version);
      const deployment = deploy(api, { next, isForced: flag(call, 'force') });
      world.hub.publish(podEvent('deleted', call.uri));
      return { status: 202, headers: { 'Marathon-Deployment-Id': deployment.id } };
    },
    'GET /v2/pods/{id}::status': (call) => ({
      status: 200,
      body: podStatusJson(world, podOf(call)),
    }),
    'GET /v2/pods/::status': () => ({
      status: 200,
      body: pods().map((spec) => podStatusJson(world, spec)),
    }),
    'DELETE /v2/pods/{id}::instances/{instance}': (call) => {
      const [killed] = kill(api, podOf(call).id, [call.params.instance ?? '']);
      if (killed === undefined) throw new Refusal(404, 'pod instance does not exist');
      return { status: 200, body: killed };
    },
    'DELETE /v2/pods/{id}::instances': (call) => ({
      status: 200,
      body: kill(api, podOf(call).id, call.body as readonly string[]),
    }),
  };
}

function put(api: Api, call: Call, known: string | undefined): Answer {
  const doc = call.body as Doc;
  const id = known ?? absolutePath(doc.id as string);
  if (known === undefined && api.world.store.root.specs.has(id)) {
    throw new Refusal(409, `Pod ${id} already exists`);
  }
  const next = (root: Root, version: string): Root =>
    withSpec(root, nextSpec(root.specs.get(id), podSpec(doc, id, version)), version);
  const deployment = deploy(api, { next, isForced: flag(call, 'force') });
  api.world.hub.publish(podEvent(known === undefined ? 'created' : 'updated', call.uri));
  return {
    status: known === undefined ? 201 : 200,
    body: specOf(api.world.store.root, id, 'pod').pod,
    headers: { 'Marathon-Deployment-Id': deployment.id },
  };
}

/** A replacement follows. */
function kill(api: Api, podId: string, ids: readonly string[]): readonly Doc[] {
  const found = api.world.tracker.of(podId).filter((one: Instance) => ids.includes(one.id));
  const answer = found.map(instanceJson);
  for (const instance of found) api.kills.kill(instance);
  return answer;
}
