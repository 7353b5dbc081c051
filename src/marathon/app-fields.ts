import {
  ARTIFACTS,
  COUNT,
  ENV_VALUE,
  EXECUTOR,
  EXEC_CHECK,
  FILE_PATH,
  HTTP_SCHEME,
  KILL_SELECTION,
  LIMITS,
  LINUX,
  LONG_NAME,
  NAME,
  NETWORKS,
  PATH_ID,
  PORT,
  PROTOCOL,
  PULL,
  SECRETS,
  SOME_TEXT,
  TEXT_MAP,
  UNREACHABLE,
} from './common-fields.js';
import {
  decimal,
  FLAG,
  gone,
  list,
  map,
  object,
  shape,
  text,
  whole,
  words,
} from './field-types.js';
import { VOLUMES } from './app-volume-fields.js';

/** Members of an app and of a group as Marathon 1.11 reads them; test/marathon compares it with the API's schemas. */

const HTTP_CHECK = shape('AppHttpCheck', {
  portIndex: PORT,
  port: PORT,
  path: FILE_PATH,
  scheme: HTTP_SCHEME,
});
const TCP_CHECK = shape('AppTcpCheck', { portIndex: PORT, port: PORT });
const CHECK = shape('AppCheck', {
  http: object(() => HTTP_CHECK),
  tcp: object(() => TCP_CHECK),
  exec: EXEC_CHECK,
  intervalSeconds: COUNT,
  timeoutSeconds: COUNT,
  delaySeconds: COUNT,
});

const HEALTH_COMMAND = shape('AppCommandCheck', { value: text() }, ['value']);
const HEALTH_CHECK = shape('AppHealthCheck', {
  command: object(() => HEALTH_COMMAND),
  gracePeriodSeconds: COUNT,
  ignoreHttp1xx: FLAG,
  intervalSeconds: COUNT,
  maxConsecutiveFailures: COUNT,
  path: text(),
  port: PORT,
  portIndex: PORT,
  protocol: words('HTTP', 'HTTPS', 'TCP', 'COMMAND', 'MESOS_TCP', 'MESOS_HTTP', 'MESOS_HTTPS'),
  ipProtocol: words('IPv4', 'IPv6'),
  timeoutSeconds: whole(),
  delaySeconds: COUNT,
});

const READINESS_CHECK = shape('ReadinessCheck', {
  name: SOME_TEXT,
  protocol: HTTP_SCHEME,
  path: FILE_PATH,
  portName: LONG_NAME,
  intervalSeconds: COUNT,
  timeoutSeconds: whole(1),
  httpStatusCodesForReady: list(whole(100, 999), { minItems: 1, isUnique: true }),
  preserveLastResponse: FLAG,
});

const PORT_DEFINITION = shape('PortDefinition', {
  port: PORT,
  labels: TEXT_MAP,
  name: LONG_NAME,
  protocol: PROTOCOL,
});
const PORT_MAPPING = shape('ContainerPortMapping', {
  containerPort: PORT,
  hostPort: PORT,
  labels: TEXT_MAP,
  name: LONG_NAME,
  protocol: PROTOCOL,
  servicePort: PORT,
  networkNames: list(NAME),
});

const DOCKER_PARAMETER = shape('DockerParameter', { key: SOME_TEXT, value: text() }, [
  'key',
  'value',
]);
const DOCKER = shape(
  'DockerContainer',
  {
    credential: gone('give the Mesos agents the registry’s credentials'),
    pullConfig: PULL,
    forcePullImage: FLAG,
    image: SOME_TEXT,
    network: gone('write "networks": [{"mode": "host"}] at the top of the app'),
    parameters: list(object(() => DOCKER_PARAMETER)),
    portMappings: gone('write "portDefinitions" at the top of the app'),
    privileged: FLAG,
  },
  ['image'],
);

const CONTAINER = shape('Container', {
  type: words('MESOS', 'DOCKER'),
  docker: object(() => DOCKER),
  linuxInfo: LINUX,
  volumes: VOLUMES,
  portMappings: list(object(() => PORT_MAPPING)),
});

const RESIDENCY = shape('AppResidency', {
  relaunchEscalationTimeoutSeconds: COUNT,
  taskLostBehavior: words('WAIT_FOREVER', 'RELAUNCH_AFTER_TIMEOUT'),
});
const UPGRADE = shape(
  'UpgradeStrategy',
  { maximumOverCapacity: decimal(0, 1), minimumHealthCapacity: decimal(0, 1) },
  ['maximumOverCapacity', 'minimumHealthCapacity'],
);
const VERSION_INFO = shape('VersionInfo', { lastScalingAt: text(), lastConfigChangeAt: text() }, [
  'lastConfigChangeAt',
  'lastScalingAt',
]);

/** One app, as posted to /v2/apps or inside a group. */
export const APP = shape(
  'App',
  {
    id: PATH_ID,
    acceptedResourceRoles: list(text(), { isUnique: true }),
    args: list(text()),
    backoffFactor: decimal(1),
    backoffSeconds: COUNT,
    cmd: SOME_TEXT,
    constraints: list(list(text(), { minItems: 2, maxItems: 3 }), { isUnique: true }),
    container: object(() => CONTAINER),
    cpus: decimal(0.001),
    dependencies: list(PATH_ID, { isUnique: true }),
    disk: decimal(0),
    env: map(ENV_VALUE, '^[^]'),
    executor: text({ pattern: '^(//cmd)|(/?[^/]+(/[^/]+)*)|$' }),
    executorResources: EXECUTOR,
    fetch: ARTIFACTS,
    healthChecks: list(
      object(() => HEALTH_CHECK),
      { isUnique: true },
    ),
    check: object(() => CHECK),
    instances: COUNT,
    labels: TEXT_MAP,
    maxLaunchDelaySeconds: COUNT,
    mem: decimal(0),
    gpus: COUNT,
    ipAddress: gone('write "networks"'),
    networks: NETWORKS,
    ports: gone('write "portDefinitions": [{"port": 5060, "name": "sip", "protocol": "udp,tcp"}]'),
    portDefinitions: list(object(() => PORT_DEFINITION)),
    readinessChecks: list(object(() => READINESS_CHECK)),
    residency: object(() => RESIDENCY),
    resourceLimits: LIMITS,
    requirePorts: FLAG,
    secrets: SECRETS,
    taskKillGracePeriodSeconds: COUNT,
    upgradeStrategy: object(() => UPGRADE),
    uris: gone('write "fetch": [{"uri": "…"}]'),
    user: text(),
    version: text(),
    versionInfo: object(() => VERSION_INFO),
    killSelection: KILL_SELECTION,
    unreachableStrategy: UNREACHABLE,
    tty: FLAG,
    role: SOME_TEXT,
  },
  ['id'],
);
