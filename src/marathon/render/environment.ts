import type { Role } from '../../topology/node.js';
import type { Values } from './values.js';

/** Where every task sees the folder with the secrets. */
export const SECRETS = '/secrets';
/** Where the folder of Docker's socket is mounted, when it is not the socket alone. */
const ENGINE = '/run/engine';
const DOCKER_SOCKET = '/var/run/docker.sock';

const AGENT_DATABASE = 'CARNA_DATABASE_URL_FILE';

export type Variables = Readonly<Record<string, string>>;

/** What all tasks of a data centre are told. */
export function commonVariables(values: Values): Variables {
  return {
    CARNA_CLUSTER: values.cluster,
    CARNA_DC: values.dc,
    CARNA_ZOOKEEPER: values.zookeeper,
    ...(values.hasZookeeperAuth ? { CARNA_ZOOKEEPER_AUTH_FILE: secret('zookeeper-auth') } : {}),
    // Marathon's leader and operators ask from other hosts; Mesos asks 127.0.0.1.
    CARNA_HTTP_HOST: '0.0.0.0',
  };
}

/** What the agent of a role is told; the image knows the paths in its volume. */
export function agentVariables(values: Values, role: Role): Variables {
  const node = values.nodes[role];
  return {
    ...commonVariables(values),
    CARNA_ROLE: role,
    CARNA_HTTP_PORT: String(values.ports.agent),
    CARNA_SIP_PORT: String(node.sipPort),
    CARNA_DRAIN_DEADLINE_MS: String(node.drainDeadlineMs),
    ...addressVariables(values),
    ...(role === 'media' ? mediaVariables(values) : kamailioVariables(values, role)),
  };
}

/** What a server is told that no agent starts; its own image reads the files. */
export function serverVariables(values: Values, role: Role): Variables {
  const own = role === 'media' ? mediaVariables(values) : kamailioVariables(values, role);
  return {
    CARNA_SIP_PORT: String(values.nodes[role].sipPort),
    ...Object.fromEntries(Object.entries(own).filter(([name]) => name !== AGENT_DATABASE)),
  };
}

/** What an agent needs that starts its server as a container beside itself. */
export function dockerVariables(values: Values, role: Role): Variables {
  const { dockerSocket: socket } = values;
  const path = socketInTask(values);
  return {
    CARNA_RUNTIME: 'docker',
    CARNA_SERVER_IMAGE: serverImage(values, role),
    ...(socket.mount === 'folder' ? { CARNA_DOCKER_SOCKET: path } : {}),
  };
}

export function serverImage(values: Values, role: Role): string {
  return role === 'media' ? values.images.freeswitch : values.images.kamailio;
}

export function reconcilerVariables(values: Values): Variables {
  const remotes = Object.entries(values.remoteZookeepers).map(([dc, at]) => `${dc}=${at}`);
  return {
    ...commonVariables(values),
    CARNA_HTTP_PORT: String(values.ports.reconciler),
    CARNA_DATABASE_URL_FILE: secret('reconciler-database-url'),
    ...(remotes.length === 0 ? {} : { CARNA_REMOTE_ZOOKEEPERS: remotes.join(';') }),
  };
}

/** A host's folder or socket in a task. */
export interface HostVolume {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly mode: 'RO' | 'RW';
}

export function secretsVolume(values: Values): HostVolume {
  return { hostPath: values.secretsDir, containerPath: SECRETS, mode: 'RO' };
}

/** Docker's socket, or the folder that holds it. */
export function engineVolume(values: Values): HostVolume {
  const { path, mount } = values.dockerSocket;
  if (mount === 'socket') return { hostPath: path, containerPath: DOCKER_SOCKET, mode: 'RW' };
  return { hostPath: path.slice(0, path.lastIndexOf('/')), containerPath: ENGINE, mode: 'RW' };
}

function socketInTask({ dockerSocket: { path, mount } }: Values): string {
  return mount === 'socket' ? DOCKER_SOCKET : ENGINE + path.slice(path.lastIndexOf('/'));
}

/** Files in the folder of secrets, as the tasks see them. */
function secret(name: string): string {
  return `${SECRETS}/${name}`;
}

function addressVariables({ sipInterface, environmentPrefix }: Values): Variables {
  return {
    ...(sipInterface === null ? {} : { CARNA_SIP_INTERFACE: sipInterface }),
    ...(environmentPrefix === '' ? {} : { CARNA_TASK_ENV_PREFIX: environmentPrefix }),
  };
}

function mediaVariables({ ports }: Values): Variables {
  return {
    CARNA_ESL_HOST: '127.0.0.1',
    CARNA_ESL_PORT: String(ports.esl),
    CARNA_ESL_PASSWORD_FILE: secret('esl-password'),
  };
}

function kamailioVariables(values: Values, role: Exclude<Role, 'media'>): Variables {
  const isOnBus = role === 'registrar' || role === 'outbound';
  const hasRouteSecret = role === 'load-balancer' && values.hasRouteSecret;
  return {
    [AGENT_DATABASE]: secret('agent-database-url'),
    CARNA_KAMAILIO_DB_URL_FILE: secret(`kamailio-db-url-${role}`),
    CARNA_SIP_DOMAIN: values.sipDomain,
    ...(isOnBus ? { CARNA_DMQ_PORT: String(values.ports.dmq) } : {}),
    ...(hasRouteSecret ? { CARNA_ROUTE_SECRET_FILE: secret('route-secret') } : {}),
  };
}
