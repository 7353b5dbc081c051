import type { Logger } from 'pino';
import type { Registry } from '../registry/registry.js';
import { openRegistry } from '../registry/registry.js';
import type { LabPlan } from './plan.js';
import { zookeeperServers } from './plan.js';
import { LAB_CLUSTER } from './secrets.js';
import type { LabSecrets } from './state.js';

/** What of a lab's context or state says where its registry is. */
export interface LabRegistryAddress {
  readonly plan: LabPlan;
  readonly secrets: LabSecrets;
}

const OPERATOR_ZK_SESSION_MS = 6_000;

/** The lab's own digest credential. */
export function labAuth(lab: LabRegistryAddress): {
  readonly user: string;
  readonly password: string;
} {
  const [user = '', password = ''] = lab.secrets.zookeeperAuth.split(':');
  return { user, password };
}

/** Connect string of the lab's ZooKeeper. */
export function labZookeeper(lab: LabRegistryAddress): string {
  return zookeeperServers(lab.plan);
}

/** Opens a lab's registry with the right to write; `cluster` is the lab's own unless named. */
export function openLabRegistry(
  lab: LabRegistryAddress,
  log: Logger,
  cluster: string = LAB_CLUSTER,
): Registry {
  return openRegistry({
    connectString: labZookeeper(lab),
    auth: labAuth(lab),
    zkSessionTimeoutMs: OPERATOR_ZK_SESSION_MS,
    cluster,
    dc: lab.plan.site.dc,
    log,
  });
}
