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

/** What apps, groups and pods of Marathon 1.11 have in common; test/marathon compares it with the API's schemas. */

export const PATH_ID = text({
  minLength: 1,
  pattern:
    '^(\\/?((\\.\\.)|(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9]))?($|\\/))+$',
});
/** Also of ports: no underscore. */
const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
export const NAME = text({ minLength: 1, maxLength: 63, pattern: DNS_LABEL });
export const LONG_NAME = text({ minLength: 1, pattern: DNS_LABEL });
export const SOME_TEXT = text({ minLength: 1 });
export const FILE_PATH = text({ minLength: 1, maxLength: 1024 });
export const PORT = whole(0, 65_535);
export const COUNT = whole(0);
export const TEXT_MAP = map(text());
export const PROTOCOL = words('tcp', 'udp', 'udp,tcp');
export const HTTP_SCHEME = words('HTTP', 'HTTPS');
export const MODE = words('RO', 'RW');
export const KILL_SELECTION = words('YOUNGEST_FIRST', 'OLDEST_FIRST');

const ENV_SECRET = shape('EnvVarSecret', { secret: text() }, ['secret']);
export const ENV_VALUE = either(
  text(),
  object(() => ENV_SECRET),
);

const SECRET_DEF = shape('SecretDef', { source: SOME_TEXT }, ['source']);
export const SECRETS = map(object(() => SECRET_DEF));

const SHELL_COMMAND = shape('ShellCommand', { shell: SOME_TEXT }, ['shell']);
const ARGV_COMMAND = shape('ArgvCommand', { argv: list(text(), { minItems: 1 }) }, ['argv']);
export const COMMAND = either(
  object(() => SHELL_COMMAND),
  object(() => ARGV_COMMAND),
);
const COMMAND_CHECK = shape('CommandCheck', { command: COMMAND }, ['command']);
export const EXEC_CHECK = object(() => COMMAND_CHECK);

const ARTIFACT = shape(
  'Artifact',
  { uri: FILE_PATH, extract: FLAG, executable: FLAG, cache: FLAG, destPath: FILE_PATH },
  ['uri'],
);
export const ARTIFACTS = list(object(() => ARTIFACT));

const EXECUTOR_RESOURCES = shape('ExecutorResources', {
  cpus: decimal(0.1),
  mem: decimal(32),
  disk: decimal(10),
});
export const EXECUTOR = object(() => EXECUTOR_RESOURCES);

const LIMIT = either(words('unlimited'), decimal());
const RESOURCE_LIMITS = shape('ResourceLimits', { cpus: LIMIT, mem: LIMIT });
export const LIMITS = object(() => RESOURCE_LIMITS);

const SECCOMP = shape('Seccomp', { profileName: text(), unconfined: FLAG });
const IPC_INFO = shape('IPCInfo', { mode: words('PRIVATE', 'SHARE_PARENT'), shmSize: decimal() }, [
  'mode',
]);
const LINUX_INFO = shape('LinuxInfo', {
  seccomp: object(() => SECCOMP),
  ipcInfo: object(() => IPC_INFO),
});
export const LINUX = object(() => LINUX_INFO);

const NETWORK = shape('Network', {
  name: text({ minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$' }),
  mode: words('container', 'container/bridge', 'host'),
  labels: TEXT_MAP,
});
export const NETWORKS = list(object(() => NETWORK));

const PERSISTENT_INFO = shape(
  'PersistentVolumeInfo',
  {
    type: words('root', 'path', 'mount'),
    size: COUNT,
    maxSize: COUNT,
    profileName: text(),
    constraints: list(list(text(), { minItems: 2, maxItems: 3 }), { isUnique: true }),
  },
  ['size'],
);
export const PERSISTENT = object(() => PERSISTENT_INFO);

const UNREACHABLE_ENABLED = shape('UnreachableEnabled', {
  inactiveAfterSeconds: COUNT,
  expungeAfterSeconds: COUNT,
});
export const UNREACHABLE = either(
  words('disabled'),
  object(() => UNREACHABLE_ENABLED),
);

const PULL_CONFIG = shape('DockerPullConfig', { secret: SOME_TEXT }, ['secret']);
export const PULL = object(() => PULL_CONFIG);
