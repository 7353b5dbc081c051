import * as common from './common-fields.js';
import {
  decimal,
  either,
  FLAG,
  list,
  map,
  object,
  shape,
  text,
  whole,
  words,
} from './field-types.js';

/** Members of a pod as Marathon 1.11 reads them; test/marathon compares it with the API's schema. */

const ENVIRONMENT = map(common.ENV_VALUE, '^[a-zA-Z_][a-zA-Z0-9_]{0,253}?$');

const ENDPOINT = shape(
  'Endpoint',
  {
    name: common.NAME,
    containerPort: whole(1, 65_535),
    hostPort: common.PORT,
    protocol: list(common.NAME, { minItems: 1 }),
    labels: common.TEXT_MAP,
    networkNames: list(common.NAME),
  },
  ['name'],
);
const HTTP_CHECK = shape(
  'HttpCheck',
  { endpoint: common.NAME, path: common.FILE_PATH, scheme: common.HTTP_SCHEME },
  ['endpoint'],
);
const TCP_CHECK = shape('TcpCheck', { endpoint: common.NAME }, ['endpoint']);
const PROBE = {
  http: object(() => HTTP_CHECK),
  tcp: object(() => TCP_CHECK),
  exec: common.EXEC_CHECK,
};
const HEALTH_CHECK = shape('HealthCheck', {
  ...PROBE,
  gracePeriodSeconds: common.COUNT,
  intervalSeconds: common.COUNT,
  maxConsecutiveFailures: common.COUNT,
  timeoutSeconds: common.COUNT,
  delaySeconds: common.COUNT,
});
const CHECK = shape('Check', {
  ...PROBE,
  intervalSeconds: common.COUNT,
  timeoutSeconds: common.COUNT,
  delaySeconds: common.COUNT,
});
const IMAGE = shape(
  'Image',
  {
    kind: words('DOCKER'),
    id: common.FILE_PATH,
    pullConfig: common.PULL,
    forcePull: FLAG,
    labels: common.TEXT_MAP,
  },
  ['id', 'kind'],
);
const EXEC = shape('MesosExec', { command: common.COMMAND, overrideEntrypoint: FLAG }, ['command']);
const RESOURCES = shape('Resources', {
  cpus: decimal(0.001),
  mem: decimal(0.001),
  disk: decimal(0),
  gpus: common.COUNT,
});
const LIFECYCLE = shape('Lifecycle', { killGracePeriodSeconds: decimal(0) });
const MOUNT = shape(
  'VolumeMount',
  { name: common.NAME, mountPath: common.FILE_PATH, readOnly: FLAG },
  ['mountPath', 'name'],
);
const CONTAINER = shape(
  'PodContainer',
  {
    name: common.NAME,
    exec: object(() => EXEC),
    resources: object(() => RESOURCES),
    resourceLimits: common.LIMITS,
    endpoints: list(object(() => ENDPOINT)),
    linuxInfo: common.LINUX,
    image: object(() => IMAGE),
    environment: ENVIRONMENT,
    user: text(),
    healthCheck: object(() => HEALTH_CHECK),
    check: object(() => CHECK),
    volumeMounts: list(object(() => MOUNT)),
    artifacts: common.ARTIFACTS,
    labels: common.TEXT_MAP,
    lifecycle: object(() => LIFECYCLE),
    tty: FLAG,
  },
  ['name', 'resources'],
);

const PERSISTENT_VOLUME = shape(
  'PodPersistentVolume',
  { name: common.SOME_TEXT, persistent: common.PERSISTENT },
  ['name', 'persistent'],
);
const SECRET_VOLUME = shape(
  'PodSecretVolume',
  { name: common.SOME_TEXT, secret: common.SOME_TEXT },
  ['name', 'secret'],
);
const HOST_VOLUME = shape('PodHostVolume', { name: common.NAME, host: text() }, ['host', 'name']);
const EPHEMERAL_VOLUME = shape('PodEphemeralVolume', { name: common.NAME }, ['name']);

const CONSTRAINT = shape(
  'Constraint',
  {
    fieldName: text(),
    operator: words('UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'),
    value: text(),
  },
  ['fieldName', 'operator'],
);
const PLACEMENT = shape('PodPlacementPolicy', {
  constraints: list(
    object(() => CONSTRAINT),
    { isUnique: true },
  ),
  acceptedResourceRoles: list(text()),
});
const BACKOFF = shape('PodSchedulingBackoffStrategy', {
  backoff: decimal(0),
  backoffFactor: decimal(0),
  maxLaunchDelay: decimal(0),
});
const UPGRADE = shape('PodUpgradeStrategy', {
  minimumHealthCapacity: decimal(0, 1),
  maximumOverCapacity: decimal(0, 1),
});
const SCHEDULING = shape('PodSchedulingPolicy', {
  backoff: object(() => BACKOFF),
  upgrade: object(() => UPGRADE),
  placement: object(() => PLACEMENT),
  killSelection: common.KILL_SELECTION,
  unreachableStrategy: common.UNREACHABLE,
});
const SCALING = shape('FixedPodScalingPolicy', { kind: words('fixed'), instances: common.COUNT }, [
  'kind',
]);

/** One pod, as posted to /v2/pods. */
export const POD = shape(
  'Pod',
  {
    id: common.PATH_ID,
    labels: common.TEXT_MAP,
    version: text(),
    user: text(),
    environment: ENVIRONMENT,
    containers: list(
      object(() => CONTAINER),
      { minItems: 1 },
    ),
    secrets: common.SECRETS,
    volumes: list(
      either(
        object(() => PERSISTENT_VOLUME),
        object(() => SECRET_VOLUME),
        object(() => HOST_VOLUME),
        object(() => EPHEMERAL_VOLUME),
      ),
    ),
    networks: common.NETWORKS,
    scaling: object(() => SCALING),
    scheduling: object(() => SCHEDULING),
    executorResources: common.EXECUTOR,
    role: common.SOME_TEXT,
    linuxInfo: common.LINUX,
    legacySharedCgroups: FLAG,
  },
  ['containers', 'id'],
);
