import type { Doc } from './accept.js';

export interface HealthCheck {
  readonly protocol: string;
  readonly path: string;
  readonly port?: number;
  readonly portIndex?: number;
  readonly gracePeriodSeconds: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly delaySeconds: number;
  readonly maxConsecutiveFailures: number;
}

export interface ReadinessCheck {
  readonly name: string;
  readonly path: string;
  readonly portName: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly httpStatusCodesForReady: readonly number[];
}

export interface PortDefinition {
  readonly port: number;
  readonly protocol: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PortMapping {
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly name?: string;
}

/** An app with Marathon's defaults filled in; members that do not matter here are kept as they came. */
export interface AppDefinition {
  readonly id: string;
  readonly cmd?: string;
  readonly args?: readonly string[];
  readonly instances: number;
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly gpus: number;
  readonly env: Readonly<Record<string, string | { readonly secret: string }>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly constraints: readonly (readonly string[])[];
  readonly dependencies: readonly string[];
  readonly healthChecks: readonly HealthCheck[];
  readonly readinessChecks: readonly ReadinessCheck[];
  /** Reported, never acted on. */
  readonly check?: Doc;
  readonly networks: readonly { readonly mode: string; readonly name?: string }[];
  readonly portDefinitions?: readonly PortDefinition[];
  readonly requirePorts: boolean;
  readonly container?: {
    readonly type: string;
    readonly docker?: {
      readonly image: string;
      readonly parameters?: readonly { readonly key: string; readonly value: string }[];
    };
    readonly volumes?: readonly Doc[];
    readonly portMappings?: readonly PortMapping[];
  };
  readonly backoffSeconds: number;
  readonly backoffFactor: number;
  readonly maxLaunchDelaySeconds: number;
  readonly upgradeStrategy: {
    readonly minimumHealthCapacity: number;
    readonly maximumOverCapacity: number;
  };
  readonly unreachableStrategy:
    'disabled' | { readonly inactiveAfterSeconds: number; readonly expungeAfterSeconds: number };
  readonly killSelection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST';
  readonly taskKillGracePeriodSeconds?: number;
  readonly acceptedResourceRoles: readonly string[];
  readonly role: string;
}

/** Members that only scale, or that are no part of the definition; every other difference restarts all instances. */
const NOT_AN_UPGRADE = new Set(['id', 'instances', 'version', 'versionInfo']);

/** Service ports that stand in for a 0. */
const FIRST_SERVICE_PORT = 10_000;

let nextServicePort = FIRST_SERVICE_PORT;

/** What Marathon fills in. */
const DEFAULTS: Doc = {
  executor: '',
  cpus: 1,
  mem: 128,
  disk: 0,
  gpus: 0,
  instances: 1,
  env: {},
  labels: {},
  fetch: [],
  dependencies: [],
  requirePorts: false,
  backoffSeconds: 1,
  backoffFactor: 1.15,
  maxLaunchDelaySeconds: 300,
  upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
  acceptedResourceRoles: ['*'],
  role: '*',
};

const upper = (value: unknown): unknown =>
  typeof value === 'string' ? value.toUpperCase() : value;
const lower = (value: unknown): unknown =>
  typeof value === 'string' ? value.toLowerCase() : value;
const list = (value: unknown): readonly Doc[] => (value ?? []) as readonly Doc[];

/** An accepted document with all defaults and canonical words. `before`: keeps its service ports. */
export function normalise(doc: Doc, id: string, before?: AppDefinition): AppDefinition {
  const rest = without(doc, ['uris', 'ports', 'version', 'versionInfo', 'residency']);
  const networks = list(doc.networks ?? [{ mode: 'host' }]).map((network) => ({
    ...network,
    mode: lower(network.mode ?? 'container'),
  }));
  const isHost = networks.every((network) => network.mode === 'host');
  return {
    ...DEFAULTS,
    ...rest,
    id,
    networks,
    constraints: ((doc.constraints ?? []) as string[][]).map(([field, operator, ...value]) => [
      field,
      upper(operator),
      ...value,
    ]),
    healthChecks: list(doc.healthChecks).map(healthCheck),
    readinessChecks: list(doc.readinessChecks).map(readinessCheck),
    killSelection: upper(doc.killSelection ?? 'YOUNGEST_FIRST'),
    unreachableStrategy: unreachable(doc.unreachableStrategy),
    ...(doc.container === undefined ? {} : { container: container(doc.container as Doc) }),
    ...(isHost ? { portDefinitions: portDefinitions(doc, before) } : {}),
  } as unknown as AppDefinition;
}

/** Whether turning the one into the other restarts every instance. Pure. */
export function isUpgrade(from: AppDefinition, to: AppDefinition): boolean {
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].some(
    (key) =>
      !NOT_AN_UPGRADE.has(key) &&
      stable((from as unknown as Doc)[key]) !== stable((to as unknown as Doc)[key]),
  );
}

/** JSON with sorted keys: equal values give equal texts. Pure. */
export function stable(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** The document without these members. Pure. */
function without(doc: Doc, names: readonly string[]): Doc {
  return Object.fromEntries(Object.entries(doc).filter(([name]) => !names.includes(name)));
}

function healthCheck(doc: Doc): Doc {
  return {
    gracePeriodSeconds: 300,
    intervalSeconds: 60,
    timeoutSeconds: 20,
    delaySeconds: 15,
    maxConsecutiveFailures: 3,
    path: '/',
    ...doc,
    protocol: upper(doc.protocol ?? 'HTTP'),
    ...(doc.port === undefined ? { portIndex: doc.portIndex ?? 0 } : {}),
  };
}

function readinessCheck(doc: Doc): Doc {
  return {
    name: 'readinessCheck',
    path: '/',
    portName: 'http-api',
    intervalSeconds: 30,
    timeoutSeconds: 10,
    httpStatusCodesForReady: [200],
    preserveLastResponse: false,
    ...doc,
    protocol: upper(doc.protocol ?? 'HTTP'),
  };
}

function unreachable(value: unknown): unknown {
  if (typeof value === 'string') return value.toLowerCase();
  return { inactiveAfterSeconds: 0, expungeAfterSeconds: 0, ...(value as Doc | undefined) };
}

function container(doc: Doc): Doc {
  const volumes = list(doc.volumes).map((volume) => ({ ...volume, mode: upper(volume.mode) }));
  return { ...doc, type: upper(doc.type ?? 'DOCKER'), volumes };
}

/** A 0 becomes a service port and, with requirePorts, is then demanded from the offer. */
function portDefinitions(doc: Doc, before: AppDefinition | undefined): readonly Doc[] {
  const old = ((doc.ports ?? undefined) as readonly number[] | undefined)?.map((port) => ({
    port,
  }));
  const given = list(doc.portDefinitions ?? old ?? [{ port: 0, name: 'default' }]);
  return given.map((definition, index) => {
    const wanted = (definition.port ?? 0) as number;
    const kept = before?.portDefinitions?.[index]?.port;
    const port = wanted === 0 ? (kept ?? nextServicePort++) : wanted;
    return { labels: {}, ...definition, port, protocol: lower(definition.protocol ?? 'tcp') };
  });
}
