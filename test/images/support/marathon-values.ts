import { statSync } from 'node:fs';
import { stringify } from 'yaml';
import { LAB_CLUSTER, LAB_SIP_DOMAIN } from '../../../src/lab/secrets.js';
import { zookeeperServers } from '../../../src/lab/plan.js';
import { DOCKER_SOCKET, imageOf } from './docker.js';
import type { Stores } from './marathon-stores.js';

const AGENT_ZK_SESSION_MS = 6_000;
const RECONCILER_ZK_SESSION_MS = 4_000;
const MB_OF_A_NODE = 512;

/**
 * The values file of the platform under test: two of each role and three media nodes, which are the stand-in. All of
 * the load comes from one address, so that the load-balancers' flood limit must allow it.
 */
export function platformValues({ context, secretsDir }: Stores): string {
  const node = { cpus: 0.5, mem: MB_OF_A_NODE };
  const session = (ms: number): Readonly<Record<string, number>> => ({
    CARNA_ZK_SESSION_TIMEOUT_MS: ms,
  });
  return stringify({
    cluster: LAB_CLUSTER,
    dc: context.plan.site.dc,
    images: {
      carna: imageOf('carna'),
      kamailio: imageOf('kamailio'),
      freeswitch: imageOf('standin'),
    },
    zookeeper: zookeeperServers(context.plan),
    sipDomain: LAB_SIP_DOMAIN,
    secretsDir,
    dockerSocket: { path: DOCKER_SOCKET, group: statSync(DOCKER_SOCKET).gid },
    drainDeadline: '60s',
    env: { CARNA_DOCKER_PULL: 'never', ...session(AGENT_ZK_SESSION_MS) },
    apps: {
      'load-balancer': { ...node, instances: 2, env: { CARNA_PIKE_REQUESTS: 50_000 } },
      dispatcher: { ...node, instances: 2, leastInstances: 1 },
      registrar: { ...node, instances: 2 },
      outbound: { ...node, instances: 2 },
      media: { ...node, instances: 3, leastInstances: 2 },
      reconciler: { cpus: 0.2, mem: 256, instances: 2, env: session(RECONCILER_ZK_SESSION_MS) },
    },
  });
}
