import {
  ARTIFACTS,
  COMMAND,
  COUNT,
  ENV_VALUE,
  EXECUTOR,
  EXEC_CHECK,
  FILE_PATH,
  HTTP_SCHEME,
  KILL_SELECTION,
  LIMITS,
  LINUX,
  NAME,
  NETWORKS,
  PATH_ID,
  PERSISTENT,
  PORT,
  PULL,
  SECRETS,
  SOME_TEXT,
  TEXT_MAP,
  UNREACHABLE,
} from './common-fields.js';
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

const ENVIRONMENT = map(ENV_VALUE, '^[a-zA-Z_][a-zA-Z0-9_]{0,253}?$');

const ENDPOINT = shape(
  'Endpoint',
  {
    name: NAME,
    containerPort: whole(1, 65_535),
    hostPort: PORT,
    protocol: list(NAME, { minItems: 1 }),
    labels: TEXT_MAP,
    networkNames: list(NAME),
  },
  ['name'],
);
const HTTP_CHECK = shape('HttpCheck', { endpoint: NAME, path: FILE_PATH, scheme: HTTP_SCHEME }, [
  'endpoint',
]);
const TCP_CHECK = shape('TcpCheck', { endpoint: NAME }, ['endpoint']);
const PROBE = { http: object(() => HTTP_CHECK), tcp: object(() => TCP_CHECK), exec: EXEC_CHECK };
const HEALTH_CHECK = shape('HealthCheck', {
  ...PROBE,
  gracePeriodSeconds: COUNT,
  intervalSeconds: COUNT,
  maxConsecutiveFailures: COUNT,
  timeoutSeconds: COUNT,
  delaySeconds: COUNT,
});
const CHECK = shape('Check', {
  ...PROBE,
  intervalSeconds: COUNT,
  timeoutSeconds: COUNT,
  delaySeconds: COUNT,
});
const IMAGE = shape(
  'Image',
  { kind: words('DOCKER'), id: FILE_PATH, pullConfig: PULL, forcePull: FLAG, labels: TEXT_MAP },
  ['id', 'kind'],
);
const EXEC = shape('MesosExec', { command: COMMAND, overrideEntrypoint: FLAG }, ['command']);
const RESOURCES = shape('Resources', {
  cpus: decimal(0.001),
  mem: decimal(0.001),
  disk: decimal(0),
  gpus: COUNT,
});
const LIFECYCLE = shape('Lifecycle', { killGracePeriodSeconds: decimal(0) });
const MOUNT = shape('VolumeMount', { name: NAME, mountPath: FILE_PATH, readOnly: FLAG }, [
  'mountPath',
  'name',
]);
const CONTAINER = shape(
  'PodContainer',
  {
    name: NAME,
    exec: object(() => EXEC),
    resources: object(() => RESOURCES),
    resourceLimits: LIMITS,
    endpoints: list(object(() => ENDPOINT)),
    linuxInfo: LINUX,
    image: object(() => IMAGE),
    environment: ENVIRONMENT,
    user: text(),
    healthCheck: object(() => HEALTH_CHECK),
    check: object(() => CHECK),
    volumeMounts: list(object(() => MOUNT)),
    artifacts: ARTIFACTS,
    labels: TEXT_MAP,
    lifecycle: object(() => LIFECYCLE),
    tty: FLAG,
  },
  ['name', 'resources'],
);

const PERSISTENT_VOLUME = shape(
  'PodPersistentVolume',
  { name: SOME_TEXT, persistent: PERSISTENT },
  ['name', 'persistent'],
);
const SECRET_VOLUME = shape('PodSecretVolume', { name: SOME_TEXT, secret: SOME_TEXT }, [
  'name',
  'secret',
]);
const HOST_VOLUME = shape('PodHostVolume', { name: NAME, host: text() }, ['host', 'name']);
const EPHEMERAL_VOLUME = shape('PodEphemeralVolume', { name: NAME }, ['name']);

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
  killSelection: KILL_SELECTION,
  unreachableStrategy: UNREACHABLE,
});
const SCALING = shape('FixedPodScalingPolicy', { kind: words('fixed'), instances: COUNT }, [
  'kind',
]);

/** One pod, as posted to /v2/pods. */
export const POD = shape(
  'Pod',
  {
    id: PATH_ID,
    labels: TEXT_MAP,
    version: text(),
    user: text(),
    environment: ENVIRONMENT,
    containers: list(
      object(() => CONTAINER),
      { minItems: 1 },
    ),
    secrets: SECRETS,
    volumes: list(
      either(
        object(() => PERSISTENT_VOLUME),
        object(() => SECRET_VOLUME),
        object(() => HOST_VOLUME),
        object(() => EPHEMERAL_VOLUME),
      ),
    ),
    networks: NETWORKS,
    scaling: object(() => SCALING),
    scheduling: object(() => SCHEDULING),
    executorResources: EXECUTOR,
    role: SOME_TEXT,
    linuxInfo: LINUX,
    legacySharedCgroups: FLAG,
  },
  ['containers', 'id'],
);
