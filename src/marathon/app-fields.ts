import * as common from './common-fields.js';
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
  portIndex: common.PORT,
  port: common.PORT,
  path: common.FILE_PATH,
  scheme: common.HTTP_SCHEME,
});
const TCP_CHECK = shape('AppTcpCheck', { portIndex: common.PORT, port: common.PORT });
const CHECK = shape('AppCheck', {
  http: object(() => HTTP_CHECK),
  tcp: object(() => TCP_CHECK),
  exec: common.EXEC_CHECK,
  intervalSeconds: common.COUNT,
  timeoutSeconds: common.COUNT,
  delaySeconds: common.COUNT,
});

const HEALTH_COMMAND = shape('AppCommandCheck', { value: text() }, ['value']);
const HEALTH_CHECK = shape('AppHealthCheck', {
  command: object(() => HEALTH_COMMAND),
  gracePeriodSeconds: common.COUNT,
  ignoreHttp1xx: FLAG,
  intervalSeconds: common.COUNT,
  maxConsecutiveFailures: common.COUNT,
  path: text(),
  port: common.PORT,
  portIndex: common.PORT,
  protocol: words('HTTP', 'HTTPS', 'TCP', 'COMMAND', 'MESOS_TCP', 'MESOS_HTTP', 'MESOS_HTTPS'),
  ipProtocol: words('IPv4', 'IPv6'),
  timeoutSeconds: whole(),
  delaySeconds: common.COUNT,
});

const READINESS_CHECK = shape('ReadinessCheck', {
  name: common.SOME_TEXT,
  protocol: common.HTTP_SCHEME,
  path: common.FILE_PATH,
  portName: common.LONG_NAME,
  intervalSeconds: common.COUNT,
  timeoutSeconds: whole(1),
  httpStatusCodesForReady: list(whole(100, 999), { minItems: 1, isUnique: true }),
  preserveLastResponse: FLAG,
});

const PORT_DEFINITION = shape('PortDefinition', {
  port: common.PORT,
  labels: common.TEXT_MAP,
  name: common.LONG_NAME,
  protocol: common.PROTOCOL,
});
const PORT_MAPPING = shape('ContainerPortMapping', {
  containerPort: common.PORT,
  hostPort: common.PORT,
  labels: common.TEXT_MAP,
  name: common.LONG_NAME,
  protocol: common.PROTOCOL,
  servicePort: common.PORT,
  networkNames: list(common.NAME),
});

const DOCKER_PARAMETER = shape('DockerParameter', { key: common.SOME_TEXT, value: text() }, [
  'key',
  'value',
]);
const DOCKER = shape(
  'DockerContainer',
  {
    credential: gone('give the Mesos agents the registry’s credentials'),
    pullConfig: common.PULL,
    forcePullImage: FLAG,
    image: common.SOME_TEXT,
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
  linuxInfo: common.LINUX,
  volumes: VOLUMES,
  portMappings: list(object(() => PORT_MAPPING)),
});

const RESIDENCY = shape('AppResidency', {
  relaunchEscalationTimeoutSeconds: common.COUNT,
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
    id: common.PATH_ID,
    acceptedResourceRoles: list(text(), { isUnique: true }),
    args: list(text()),
    backoffFactor: decimal(1),
    backoffSeconds: common.COUNT,
    cmd: common.SOME_TEXT,
    constraints: list(list(text(), { minItems: 2, maxItems: 3 }), { isUnique: true }),
    container: object(() => CONTAINER),
    cpus: decimal(0.001),
    dependencies: list(common.PATH_ID, { isUnique: true }),
    disk: decimal(0),
    env: map(common.ENV_VALUE, '^[^]'),
    executor: text({ pattern: '^(//cmd)|(/?[^/]+(/[^/]+)*)|$' }),
    executorResources: common.EXECUTOR,
    fetch: common.ARTIFACTS,
    healthChecks: list(
      object(() => HEALTH_CHECK),
      { isUnique: true },
    ),
    check: object(() => CHECK),
    instances: common.COUNT,
    labels: common.TEXT_MAP,
    maxLaunchDelaySeconds: common.COUNT,
    mem: decimal(0),
    gpus: common.COUNT,
    ipAddress: gone('write "networks"'),
    networks: common.NETWORKS,
    ports: gone('write "portDefinitions": [{"port": 5060, "name": "sip", "protocol": "udp,tcp"}]'),
    portDefinitions: list(object(() => PORT_DEFINITION)),
    readinessChecks: list(object(() => READINESS_CHECK)),
    residency: object(() => RESIDENCY),
    resourceLimits: common.LIMITS,
    requirePorts: FLAG,
    secrets: common.SECRETS,
    taskKillGracePeriodSeconds: common.COUNT,
    upgradeStrategy: object(() => UPGRADE),
    uris: gone('write "fetch": [{"uri": "…"}]'),
    user: text(),
    version: text(),
    versionInfo: object(() => VERSION_INFO),
    killSelection: common.KILL_SELECTION,
    unreachableStrategy: common.UNREACHABLE,
    tty: FLAG,
    role: common.SOME_TEXT,
  },
  ['id'],
);
