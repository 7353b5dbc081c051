import type { AppDefinition } from './definition.js';

/** Longer label values and names are left out. */
const MAX_VARIABLE = 512;
const LABEL_PREFIX = 'MARATHON_APP_LABEL_';

/** What a launch adds to an app's definition. */
export interface LaunchFacts {
  readonly taskId: string;
  readonly version: string;
  readonly host: string;
  /** In the order of the definition; null: no host port. */
  readonly ports: readonly (number | null)[];
}

type Env = Readonly<Record<string, string>>;

/** What an app's task sees: the user's own variables win over all of Marathon's. Pure. */
export function appEnv(app: AppDefinition, facts: LaunchFacts): Env {
  const own = Object.entries(app.env).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    ...mesosEnv(facts.taskId, app.role),
    MESOS_TASK_ID: facts.taskId,
    MARATHON_APP_ID: app.id,
    MARATHON_APP_VERSION: facts.version,
    ...(app.container?.docker === undefined
      ? {}
      : { MARATHON_APP_DOCKER_IMAGE: app.container.docker.image }),
    MARATHON_APP_RESOURCE_CPUS: double(app.cpus),
    MARATHON_APP_RESOURCE_MEM: double(app.mem),
    MARATHON_APP_RESOURCE_DISK: double(app.disk),
    MARATHON_APP_RESOURCE_GPUS: String(app.gpus),
    ...labelsEnv(app.labels),
    ...portsEnv(portRequests(app), facts.ports),
    HOST: facts.host,
    ...Object.fromEntries(own),
  };
}

/** What Mesos' Docker executor adds. */
function mesosEnv(taskId: string, role: string): Env {
  return {
    MESOS_SANDBOX: '/mnt/mesos/sandbox',
    MESOS_CONTAINER_NAME: `mesos-${/instance-([^.]+)/.exec(taskId)?.[1] ?? taskId}`,
    MESOS_ALLOCATION_ROLE: role,
  };
}

/** As Scala prints a Double. Pure. */
export function double(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Labels as variables: upper case, other characters become `_`. Pure. */
export function labelsEnv(labels: Readonly<Record<string, string>>): Env {
  const kept = Object.entries(labels)
    .filter(
      ([name, value]) =>
        name.length < MAX_VARIABLE - LABEL_PREFIX.length && value.length < MAX_VARIABLE,
    )
    .map(([name, value]) => [name.replace(/[^a-zA-Z0-9_]+/g, '_').toUpperCase(), value] as const);
  return {
    MARATHON_APP_LABELS: kept.map(([name]) => name).join(' '),
    ...Object.fromEntries(kept.map(([name, value]) => [`${LABEL_PREFIX}${name}`, value])),
  };
}

interface PortRequest {
  readonly name: string | undefined;
  readonly port: number;
}

function portRequests(app: AppDefinition): readonly PortRequest[] {
  const mappings = app.container?.portMappings ?? [];
  if (mappings.length > 0) {
    return mappings.map((mapping) => ({ name: mapping.name, port: mapping.containerPort }));
  }
  return (app.portDefinitions ?? []).map(({ name, port }) => ({ name, port }));
}

function portsEnv(requests: readonly PortRequest[], ports: readonly (number | null)[]): Env {
  if (ports.length === 0) return {};
  const env: Record<string, string> = {};
  const effective = requests.map((request, index) => ports[index] ?? request.port);
  effective.forEach((port, index) => (env[`PORT${index}`] = String(port)));
  requests.forEach((request, index) => {
    env[`PORT_${request.port === 0 ? effective[index] : request.port}`] = String(effective[index]);
  });
  requests.forEach((request, index) => {
    // Only upper case: `sip-udp` gives a name that no shell can read, as on Marathon.
    if (request.name !== undefined)
      env[`PORT_${request.name.toUpperCase()}`] = String(effective[index]);
  });
  const leased = ports.filter((port) => port !== null);
  if (leased[0] !== undefined) env.PORT = String(leased[0]);
  env.PORTS = leased.join(',');
  return env;
}
