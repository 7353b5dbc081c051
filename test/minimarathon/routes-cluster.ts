import { Refusal } from './accept.js';
import type { Api } from './api.js';
import { deploy, flag, started } from './api.js';
import type { Deployment } from './deployment.js';
import { absolutePath } from './paths.js';
import type { Answer, Call, Handlers } from './router.js';
import type { RunSpec } from './run-spec.js';
import type { Root } from './store.js';
import { nextSpec } from './store.js';
import { deploymentJson, queueJson } from './views.js';

/** Deployments, the queue, and who leads. */
export function clusterRoutes(api: Api): Handlers {
  const { world, deployments } = api;
  return {
    'GET /v2/deployments': () => ({
      status: 200,
      body: deployments.running.map(deploymentJson),
    }),
    'DELETE /v2/deployments/{id}': (call) => cancel(api, call),
    'GET /v2/queue': () => ({ status: 200, body: queueJson(world) }),
    'DELETE /v2/queue/{id}/delay': (call) => {
      const spec = world.store.root.specs.get(absolutePath(`/${call.params.id ?? ''}`));
      const isWaiting = world.tracker.all.some(
        (one) => one.spec.id === spec?.id && one.condition === 'Scheduled',
      );
      if (spec === undefined || !isWaiting)
        throw new Refusal(404, 'Application not found in queue');
      world.backoff.reset(spec);
      return { status: 200 };
    },
    'GET /v2/info': () => ({ status: 200, body: info(api) }),
    'GET /v2/leader': () => ({ status: 200, body: { leader: api.leader() } }),
    'GET /ping': () => ({ status: 200, body: 'pong' }),
  };
}

/** Rolled back by a new deployment that cancels this one; forced, left where it stands. */
function cancel(api: Api, call: Call): Answer {
  const { deployments } = api;
  const deployment = deployments.find(call.params.id ?? '');
  if (deployment === undefined) {
    throw new Refusal(404, `DeploymentPlan ${call.params.id ?? ''} does not exist`);
  }
  if (flag(call, 'force')) {
    deployments.cancel(deployment);
    return { status: 202 };
  }
  const next = (root: Root, version: string): Root => reverted(root, deployment, version);
  const reverting = deploy(api, { next, isForced: true });
  deployments.cancel(deployment);
  return started(reverting);
}

/** The tree with what the deployment changed as it was before; changes by others stay. */
function reverted(root: Root, { plan }: Deployment, version: string): Root {
  const specs = new Map(root.specs);
  for (const [id, was] of plan.original) {
    // A new version: what still ran as before is restarted too, as on Marathon.
    if (plan.target.get(id) !== was)
      specs.set(id, nextSpec(root.specs.get(id), asNew(was, version)));
  }
  for (const id of plan.target.keys()) if (!plan.original.has(id)) specs.delete(id);
  return { ...root, specs, version };
}

const asNew = (spec: RunSpec, version: string): RunSpec => ({
  ...spec,
  version,
  lastScalingAt: version,
  lastConfigChangeAt: version,
});

function info({ world, leader }: Api): unknown {
  const features = world.isTaskKillingShown ? ['task_killing'] : [];
  return {
    name: 'marathon',
    version: '1.11.0',
    buildref: 'unknown',
    elected: true,
    leader: leader(),
    frameworkId: 'b3d8a7a5-0000-4000-8000-000000000000-0000',
    marathon_config: { ha: true, features, env_vars_prefix: null, mesos_role: '*' },
    zookeeper_config: {
      zk: 'zk://127.0.0.1:2181/marathon',
      zk_timeout: 10_000,
      zk_connection_timeout: 10_000,
      zk_session_timeout: 10_000,
      zk_max_versions: 50,
    },
    http_config: { http_port: Number(leader().split(':').at(-1)), https_port: 8443 },
  };
}
