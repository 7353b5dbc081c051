import type { AgentConfig } from '../../config/agent.js';

type Settings = Pick<
  AgentConfig,
  | 'kind'
  | 'nodeId'
  | 'role'
  | 'sipHost'
  | 'sipPort'
  | 'ctlSocket'
  | 'kamailioDbUrl'
  | 'routeSecret'
  | 'eslHost'
  | 'eslPort'
  | 'eslPassword'
>;

/**
 * What the agent knows and its server has to know as well, by the names of the servers' configurations: derived
 * from the task, by default, or read from a file of secrets. Pure.
 */
export function serverSettings(
  config: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const { nodeId, role, sipHost, sipPort } = config;
  return {
    CARNA_NODE_ID: nodeId,
    CARNA_ROLE: role,
    CARNA_SIP_HOST: sipHost,
    CARNA_SIP_PORT: String(sipPort),
    ...(config.kind === 'freeswitch' ? freeswitchSettings(config, env) : kamailioSettings(config)),
  };
}

function freeswitchSettings(
  { nodeId, eslHost, eslPort, eslPassword }: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const named = env['CARNA_NODE_NAME'] ?? '';
  return {
    CARNA_NODE_NAME: named === '' ? nodeId : named,
    CARNA_ESL_HOST: eslHost,
    CARNA_ESL_PORT: String(eslPort),
    ...given('CARNA_ESL_PASSWORD', eslPassword),
  };
}

function kamailioSettings(config: Settings): Readonly<Record<string, string>> {
  return {
    CARNA_CTL_SOCKET: config.ctlSocket,
    ...given('CARNA_KAMAILIO_DB_URL', config.kamailioDbUrl),
    ...given('CARNA_ROUTE_SECRET', config.routeSecret),
  };
}

/** A variable that is set and empty is a mistake to Kamailio's configuration. */
function given(name: string, value: string | null): Readonly<Record<string, string>> {
  return value === null ? {} : { [name]: value };
}
