import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { NODE_KINDS, ROLES, TRANSPORTS } from '../topology/node.js';
import { BUS_VARIABLES, busFaults } from './bus-variables.js';
import { COMMON_VARIABLES, milliseconds, OPTIONAL_DATABASE_URL, wholeNumber } from './common.js';
import { HEALTH_VARIABLES, healthFaults } from './health-variables.js';
import { TASK_VARIABLES } from './task-environment.js';
import type { RuntimeKind } from './runtime-variables.js';
import { RUNTIME_VARIABLES, runtimeFaults, runtimeOf } from './runtime-variables.js';
import type { Env, ReadFile, ValuesOf } from './variables.js';
import { compileConfig, optional, required, withDefault } from './variables.js';

const text = z.string().min(1);
const host = z.string().regex(/^(?:\[[0-9a-fA-F:.]+\]|\w(?:[\w.-]*\w)?)$/);
const port = wholeNumber(1, 65_535);
const PORT_EXPECTED = 'a port from 1 to 65535';

const transports = z.string().transform((list, ctx) => {
  const parsed = z.array(z.enum(TRANSPORTS)).min(1).safeParse(list.split(','));
  if (parsed.success) return parsed.data;
  ctx.addIssue({ code: 'custom', message: 'no transports' });
  return z.NEVER;
});

/** What `carna agent` reads. */
export const AGENT_VARIABLES = {
  ...COMMON_VARIABLES,
  databaseUrl: OPTIONAL_DATABASE_URL,
  nodeId: required('CARNA_NODE_ID', z.string().regex(/^[\w.:-]{1,200}$/), {
    expected: 'a name of letters, digits, dot, colon, dash and underscore',
    meaning: 'name of this node; in a Mesos task the whole MESOS_TASK_ID stands in when unset',
  }),
  role: required('CARNA_ROLE', z.enum(ROLES), {
    expected: ROLES.join(' | '),
    meaning: 'what the SIP server does on the platform',
  }),
  kind: optional('CARNA_KIND', z.enum(NODE_KINDS), {
    expected: NODE_KINDS.join(' | '),
    meaning: 'the SIP server; unset = freeswitch for media, kamailio for every other role',
  }),
  sipHost: required('CARNA_SIP_HOST', host, {
    expected: 'an address or host name',
    meaning:
      'where the SIP server takes calls; published to the platform; unset = the address of CARNA_SIP_INTERFACE, or in a Mesos task that of HOST',
  }),
  ...TASK_VARIABLES,
  sipPort: withDefault('CARNA_SIP_PORT', '5060', port, {
    expected: PORT_EXPECTED,
    meaning: 'its port',
  }),
  sipTransports: withDefault('CARNA_SIP_TRANSPORTS', 'udp', transports, {
    expected: 'comma list of udp, tcp, tls; the first is the one that dispatchers use',
    meaning: 'how the SIP server can be reached',
  }),
  ...BUS_VARIABLES,
  httpHost: withDefault('CARNA_HTTP_HOST', '127.0.0.1', host, {
    expected: 'an address or host name',
    meaning: 'where /healthz, /readyz and /metrics are answered',
  }),
  httpPort: withDefault('CARNA_HTTP_PORT', '9100', port, {
    expected: PORT_EXPECTED,
    meaning: 'its port',
  }),
  ...RUNTIME_VARIABLES,
  stateDir: required('CARNA_STATE_DIR', text, {
    expected: 'an existing folder',
    meaning: 'where the agent remembers the server that it started',
  }),
  ctlSocket: withDefault('CARNA_CTL_SOCKET', '/run/kamailio/kamailio_ctl', text, {
    expected: 'path of a unix socket',
    meaning: 'Kamailio’s ctl socket (BINRPC, stream)',
  }),
  eslHost: withDefault('CARNA_ESL_HOST', '127.0.0.1', host, {
    expected: 'an address or host name',
    meaning: 'FreeSWITCH’s event socket',
  }),
  eslPort: withDefault('CARNA_ESL_PORT', '8021', port, {
    expected: PORT_EXPECTED,
    meaning: 'its port',
  }),
  eslPassword: optional('CARNA_ESL_PASSWORD', text, {
    expected: 'the password of the event socket',
    meaning: 'needed for kind freeswitch; the stock password is refused',
    isSecret: true,
  }),
  kamailioDbUrl: optional('CARNA_KAMAILIO_DB_URL', text, {
    expected: 'postgres://user:password@host:port/database',
    meaning: 'the database as Kamailio reaches it; the agent hands it to the server',
    isSecret: true,
  }),
  routeSecret: optional('CARNA_ROUTE_SECRET', text, {
    expected: 'a text',
    meaning:
      'signs the Record-Routes of a load-balancer, the same at every start of it; the agent hands it to the server',
    isSecret: true,
  }),
  sofiaProfile: withDefault('CARNA_SOFIA_PROFILE', 'carna', z.string().regex(/^[\w.-]{1,64}$/), {
    expected: 'a name of letters, digits, dot, dash and underscore',
    meaning: 'FreeSWITCH’s SIP profile that takes the platform’s calls',
  }),
  weight: withDefault('CARNA_WEIGHT', '100', wholeNumber(1, 100), {
    expected: 'a whole number from 1 to 100',
    meaning: 'share of calls relative to the other nodes of the role',
  }),
  maxSessions: withDefault('CARNA_MAX_SESSIONS', '0', wholeNumber(0, 1_000_000), {
    expected: 'a whole number from 0 to 1000000',
    meaning: 'calls that the node can carry; 0 = unknown',
  }),
  ...HEALTH_VARIABLES,
  restartMinMs: milliseconds('CARNA_RESTART_MIN_MS', '200', 'first pause before a restart'),
  restartMaxMs: milliseconds('CARNA_RESTART_MAX_MS', '30000', 'longest pause before a restart'),
  resyncMs: milliseconds(
    'CARNA_RESYNC_MS',
    '30000',
    'pause between looks that nothing rang for',
    100,
  ),
  reloadSpacingMs: milliseconds(
    'CARNA_RELOAD_SPACING_MS',
    '1000',
    'least time between two reloads of one Kamailio',
    100,
  ),
  drainDeadlineMs: milliseconds(
    'CARNA_DRAIN_DEADLINE_MS',
    '3600000',
    'longest drain; keep it below taskKillGracePeriodSeconds',
  ),
  drainAckTimeoutMs: milliseconds(
    'CARNA_DRAIN_ACK_TIMEOUT_MS',
    '10000',
    'longest wait for the Kamailios to prove that they send no new call',
  ),
} as const;

export type AgentConfig = Omit<ValuesOf<typeof AGENT_VARIABLES>, 'kind' | 'runtime'> & {
  readonly kind: (typeof NODE_KINDS)[number];
  readonly runtime: RuntimeKind;
  readonly marathon: {
    readonly taskId: string;
    readonly appId: string;
    readonly appVersion: string;
  } | null;
};

/** Everybody knows it. */
const STOCK_ESL_PASSWORD = 'ClueCon';

/** Compiles the agent's environment. Throws one ConfigError naming every fault. */
export function loadAgentConfig(env: Env, readFile: ReadFile): AgentConfig {
  const task = env['MESOS_TASK_ID'] ?? '';
  const named = env['CARNA_NODE_ID'] ?? '';
  const withNode = named === '' && task !== '' ? { ...env, CARNA_NODE_ID: task } : env;
  const values = compileConfig(AGENT_VARIABLES, withNode, readFile, (v) => jointFaults(v));
  return Object.freeze({
    ...values,
    kind: kindOf(values),
    runtime: runtimeOf(values),
    marathon:
      task === ''
        ? null
        : {
            taskId: task,
            appId: env['MARATHON_APP_ID'] ?? '',
            appVersion: env['MARATHON_APP_VERSION'] ?? '',
          },
  });
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

/** Where the agent's HTTP is asked from elsewhere: the node's own address when it listens on all. Pure. */
export function publishedHttp(
  config: Pick<AgentConfig, 'httpHost' | 'httpPort' | 'sipHost'>,
): string {
  const { httpHost, httpPort, sipHost } = config;
  return `${EVERY_ADDRESS.has(httpHost) ? sipHost : httpHost}:${httpPort}`;
}

function kindOf(
  values: Pick<ValuesOf<typeof AGENT_VARIABLES>, 'kind' | 'role'>,
): (typeof NODE_KINDS)[number] {
  return values.kind ?? (values.role === 'media' ? 'freeswitch' : 'kamailio');
}

function jointFaults(values: ValuesOf<typeof AGENT_VARIABLES>): string[] {
  const kind = kindOf(values);
  const faults: string[] = [];
  faults.push(...runtimeFaults(values), ...busFaults(values), ...healthFaults(values));
  if (kind === 'freeswitch' && values.eslPassword === STOCK_ESL_PASSWORD) {
    faults.push(
      'CARNA_ESL_PASSWORD: expected a password of your own, found the one that FreeSWITCH ships with (a secret, not shown)',
    );
  }
  if (kind === 'freeswitch' && values.eslPassword === null) {
    faults.push(
      'CARNA_ESL_PASSWORD (or CARNA_ESL_PASSWORD_FILE): expected the password of the event socket, found nothing',
    );
  }
  // It stands in the profile and in session descriptions as it is, where phones look up no name.
  if (kind === 'freeswitch' && runtimeOf(values) !== 'observe' && !isIPv4(values.sipHost)) {
    faults.push(
      `CARNA_SIP_HOST: expected an IPv4 address for a FreeSWITCH that the agent starts, found ${values.sipHost}`,
    );
  }
  if (kind === 'kamailio' && values.databaseUrl === null) {
    faults.push(
      'CARNA_DATABASE_URL (or CARNA_DATABASE_URL_FILE): expected the database with the dispatcher table, found nothing',
    );
  }
  if (values.restartMinMs > values.restartMaxMs) {
    faults.push(
      `CARNA_RESTART_MIN_MS: expected at most CARNA_RESTART_MAX_MS (${values.restartMaxMs}), found ${values.restartMinMs}`,
    );
  }
  return faults;
}
