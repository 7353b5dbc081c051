import { kamailioLogin, LAB_CLUSTER, LAB_SIP_DOMAIN, loginUrl, secretFiles } from './secrets.js';
import type { LabNode, LabPlan, LabReconciler, LabRemote } from './plan.js';
import { DMQ_PORT, hasDmq, zookeeperServers } from './plan.js';
import type { KamailioProbing, LabSecrets } from './state.js';
import { ctlSocket, LAB_MARK, partDir } from './state.js';

/** What the environment of every daemon of one lab is made of. */
export interface LabContext {
  readonly runDir: string;
  readonly mark: string;
  readonly plan: LabPlan;
  readonly secrets: LabSecrets;
  readonly probing: KamailioProbing;
  /** The environment of the command that starts them. */
  readonly env: NodeJS.ProcessEnv;
}

/** ZooKeeper's sessions in the lab; its tick of 500 ms allows 1 to 10 s. */
export const AGENT_ZK_SESSION_MS = 6_000;
export const RECONCILER_ZK_SESSION_MS = 4_000;
export const LAB_TICK_MS = 500;

/** Calls that a media node of the lab admits. */
export const MEDIA_MAX_SESSIONS = 1_000;

/**
 * Requests within two seconds from one address that a load-balancer of the lab serves: its load comes from one,
 * a benchmark's with thousands of requests a second.
 */
const PIKE_REQUESTS = 50_000;

/** Variables of ours that a daemon inherits from whoever starts the lab: which binaries to use, how patient proxies are, and marks. */
const INHERITED = new Set([
  'CARNA_KAMAILIO',
  'CARNA_POSTGRES_BIN',
  'CARNA_ZOOKEEPER_CLASSPATH',
  'CARNA_FREESWITCH',
  'CARNA_JAVA',
  'CARNA_SIPP',
  'CARNA_FR_TIMER_MS',
  'CARNA_LOG_LEVEL',
  'CARNA_TEST_RUN',
]);

/** The caller's environment without settings of another platform, marked as this lab's. */
export function baseEnv(env: NodeJS.ProcessEnv, mark: string): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !name.startsWith('CARNA_') || INHERITED.has(name),
  );
  return { ...Object.fromEntries(kept), [LAB_MARK]: mark };
}

export function reconcilerEnv(context: LabContext, reconciler: LabReconciler): NodeJS.ProcessEnv {
  const files = secretFiles(context.runDir);
  return {
    ...commonEnv(context),
    CARNA_ZK_SESSION_TIMEOUT_MS: String(RECONCILER_ZK_SESSION_MS),
    CARNA_DATABASE_URL_FILE: files.reconcilerUrl,
    CARNA_RECONCILER_ID: reconciler.name,
    CARNA_REMOTE_ZOOKEEPERS: remoteZookeepers(context.plan.site.remotes),
    // A row that changes by itself some time after a return would blur what a drill looks at.
    CARNA_SLOW_START_MS: '0',
    CARNA_HTTP_HOST: reconciler.http.host,
    CARNA_HTTP_PORT: String(reconciler.http.port),
  };
}

/** The agent's environment, which its SIP server inherits: the configurations take every value from there. */
export function agentEnv(
  context: LabContext,
  node: LabNode,
  serverCommand: readonly string[],
): NodeJS.ProcessEnv {
  const files = secretFiles(context.runDir);
  const shared = {
    ...commonEnv(context),
    CARNA_ZK_SESSION_TIMEOUT_MS: String(AGENT_ZK_SESSION_MS),
    CARNA_NODE_ID: node.name,
    CARNA_ROLE: node.role,
    CARNA_KIND: node.kind,
    CARNA_SIP_HOST: node.sip.host,
    CARNA_SIP_PORT: String(node.sip.port),
    CARNA_HTTP_HOST: node.http.host,
    CARNA_HTTP_PORT: String(node.http.port),
    CARNA_STATE_DIR: partDir(context.runDir, node.name),
    CARNA_SERVER_COMMAND: JSON.stringify(serverCommand),
    // Servers are killed here for practice, again and again: half a minute of back-off or a quarantine teaches nothing.
    CARNA_RESTART_MIN_MS: '100',
    CARNA_RESTART_MAX_MS: '1000',
    CARNA_FLAP_CHANGES: '1000',
  };
  if (node.esl !== null) {
    return {
      ...shared,
      CARNA_ESL_HOST: node.esl.host,
      CARNA_ESL_PORT: String(node.esl.port),
      CARNA_ESL_PASSWORD_FILE: files.eslPassword,
      CARNA_NODE_NAME: node.name,
      CARNA_MAX_SESSIONS: String(MEDIA_MAX_SESSIONS),
    };
  }
  if (node.role === 'media') return shared;
  return {
    ...shared,
    ...(hasDmq(node) ? { CARNA_DMQ_HOST: node.sip.host, CARNA_DMQ_PORT: String(DMQ_PORT) } : {}),
    ...(node.role === 'load-balancer' ? { CARNA_PIKE_REQUESTS: String(PIKE_REQUESTS) } : {}),
    CARNA_SIP_DOMAIN: LAB_SIP_DOMAIN,
    TZ: 'UTC', // The database's times are in UTC, and Kamailio reads them as local ones.
    ...(node.role === 'load-balancer' ? { CARNA_ROUTE_SECRET: context.secrets.routeSecret } : {}),
    CARNA_CTL_SOCKET: ctlSocket(context.runDir, node),
    CARNA_DATABASE_URL_FILE: files.readerUrl,
    CARNA_KAMAILIO_DB_URL: loginUrl(
      context.plan,
      kamailioLogin(node.role).user,
      context.secrets.kamailioPasswords[node.role],
      'postgres',
    ),
    CARNA_PING_INTERVAL: String(context.probing.intervalS),
    CARNA_MARK_SILENT: context.probing.marksSilent ? '1' : '0',
    CARNA_LOG_CALLS: '1', // Tells on which node a call stood that nobody had answered yet.
  };
}

/** As CARNA_REMOTE_ZOOKEEPERS takes it. */
function remoteZookeepers(remotes: readonly LabRemote[]): string {
  if (remotes.length === 0) return 'none';
  return remotes.map(({ dc, zookeeper }) => `${dc}=${zookeeper}`).join(';');
}

function commonEnv(context: LabContext): NodeJS.ProcessEnv {
  return {
    ...baseEnv(context.env, context.mark),
    CARNA_CLUSTER: LAB_CLUSTER,
    CARNA_DC: context.plan.site.dc,
    CARNA_ZOOKEEPER: zookeeperServers(context.plan),
    CARNA_ZOOKEEPER_AUTH_FILE: secretFiles(context.runDir).zookeeperAuth,
  };
}
