import { isAlive } from './parts/daemon.js';
import { zookeeperServers } from './plan.js';
import { LAB_CLUSTER, LAB_LOGINS, loginUrl } from './secrets.js';
import { labOfDc } from './data-centres.js';
import { defaultRunDir } from './state.js';

/**
 * The addresses of a lab that is up, as variables for operators' commands; null when none is up in
 * `runDir` (null = the usual place). CARNA_DC says which of its data centres is meant. Throws LabError when its state file cannot be read.
 */
export function labEndpoints(
  runDir: string | null,
  env: NodeJS.ProcessEnv,
): { readonly runDir: string; readonly variables: Readonly<Record<string, string>> } | null {
  const dir = runDir ?? defaultRunDir(env);
  const state = labOfDc(dir, env['CARNA_DC']);
  if (state === null || !Object.values(state.processes).some(isAlive)) return null;
  const { plan, secrets } = state;
  return {
    runDir: state.runDir,
    variables: {
      CARNA_CLUSTER: LAB_CLUSTER,
      CARNA_DC: plan.site.dc,
      CARNA_ZOOKEEPER: zookeeperServers(plan),
      CARNA_ZOOKEEPER_AUTH: secrets.zookeeperAuth,
      CARNA_DATABASE_URL: loginUrl(plan, LAB_LOGINS.reader.user, secrets.readerPassword),
      CARNA_MANAGER_DATABASE_URL: loginUrl(plan, LAB_LOGINS.manager.user, secrets.managerPassword),
    },
  };
}
