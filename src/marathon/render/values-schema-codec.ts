import { z } from 'zod';
import type { ConstraintTuple } from './values.js';
import { RECONCILER } from './values.js';

/** More instances are a typo. */
const MAX_INSTANCES = 1_000;
const MAX_LIST = 50;
const DAY_MS = 86_400_000;

const text = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error });
const whole = (min: number, max: number, error = `a whole number from ${min} to ${max}`) =>
  z.int({ error }).min(min, { error }).max(max, { error });
const amount = (min: number, max: number) => {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
};
const flag = z.boolean({ error: 'true or false' });
const port = whole(1, 65_535, 'a port from 1 to 65535');
const shortName = text(
  /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
  'a lower-case name of at most 32 letters, digits and dashes',
);
const hostFolder = text(/^\/[^\s:,]*[^\s:,/]$/, 'an absolute path on the hosts');

const SERVER = String.raw`\w(?:[\w.-]*\w)?:\d{1,5}`;
const zookeeper = text(
  new RegExp(String.raw`^${SERVER}(?:,${SERVER})*(?:/[\w./~-]+)?$`),
  'host:port[,host:port…][/chroot]',
);

const IMAGE =
  /^[a-z0-9][\w./-]*(?::\d+\/[\w./-]+)?(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
const isPinned = (name: string): boolean =>
  name.includes('@sha256:') || /:(?!latest$)[\w][\w.-]*$/.test(name.replace(/^.*\//, ''));
const image = text(IMAGE, 'an image: [registry/]name:tag or name@sha256:…').refine(isPinned, {
  error: 'an image with a version: name:tag (not latest) or name@sha256:…',
});

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d{1,6})([smh])$/;
const duration = text(DURATION, 'a duration like 90s, 30m or 1h')
  .transform((said) => {
    const [, count, unit = ''] = DURATION.exec(said) ?? [];
    return Number(count) * (UNITS[unit] ?? 0);
  })
  .refine((ms) => ms >= 1_000 && ms <= DAY_MS, { error: 'from 1s to 24h' });

const OPERATORS = ['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'];
const constraint = z
  .array(z.union([z.string(), z.int().transform(String)]), {
    error: 'a list of two or three texts',
  })
  .min(2, { error: 'a list of two or three texts' })
  .max(3, { error: 'a list of two or three texts' })
  .refine(([, operator]) => OPERATORS.includes(operator ?? ''), {
    error: `[field, operator] or [field, operator, value] with ${OPERATORS.join(' | ')}`,
  })
  .transform((parts) => parts as unknown as ConstraintTuple);
const constraints = z.array(constraint, { error: 'a list of constraints' }).max(MAX_LIST);

const resourceRoles = z
  .array(text(/^(?:\*|[\w.-]+)$/, 'a Mesos role or *'), { error: 'a list of Mesos roles' })
  .min(1, { error: 'at least one role; leave the setting out for Marathon’s default' });

/** Numbers and flags as one writes them in YAML. */
const variables = z.record(
  text(/^[A-Za-z_]\w*$/, 'a name of letters, digits and underscores'),
  z.union([z.string(), z.number().transform(String), z.boolean().transform(String)], {
    error: 'a text, a number, true or false',
  }),
  { error: 'variables and their values' },
);

const furtherPort = z.strictObject(
  {
    name: text(/^[a-z0-9]{1,63}$/, 'lower-case letters and digits'),
    port,
    protocol: z.enum(['tcp', 'udp', 'udp,tcp'], { error: 'tcp | udp | udp,tcp' }),
  },
  { error: 'name, port and protocol' },
);

interface AppDefaults {
  readonly instances: number;
  readonly cpus: number;
  readonly mem: number;
}

const appFields = ({ instances, cpus, mem }: AppDefaults) => ({
  instances: whole(0, MAX_INSTANCES).default(instances),
  leastInstances: whole(1, MAX_INSTANCES).optional(),
  cpus: amount(0.01, 1_000).default(cpus),
  mem: amount(64, 1_000_000).default(mem),
  constraints: constraints.default([]),
  acceptedResourceRoles: resourceRoles.nullable().default(null),
  env: variables.default({}),
});

const nodeFields = (defaults: AppDefaults) =>
  z.strictObject(
    {
      ...appFields(defaults),
      sipPort: port.default(5060),
      drainDeadline: duration.optional(),
      ports: z.array(furtherPort, { error: 'a list of ports' }).max(MAX_LIST).default([]),
    },
    { error: 'settings of the app' },
  );

/** Kamailio keeps 256 MB of shared memory, some twenty processes of 8 MB, and the agent 80 MB. */
const KAMAILIO: AppDefaults = { instances: 2, cpus: 1, mem: 768 };

const apps = z.strictObject(
  {
    'load-balancer': nodeFields(KAMAILIO).prefault({}),
    dispatcher: nodeFields(KAMAILIO).prefault({}),
    registrar: nodeFields(KAMAILIO).prefault({}),
    outbound: nodeFields(KAMAILIO).prefault({}),
    media: nodeFields({ instances: 3, cpus: 2, mem: 2_048 }).prefault({}),
    [RECONCILER]: z
      .strictObject(appFields({ instances: 2, cpus: 0.5, mem: 256 }), {
        error: 'settings of the app',
      })
      .prefault({}),
  },
  { error: 'settings by app' },
);

/** The whole file, with its defaults. */
export const VALUES = z.strictObject(
  {
    cluster: shortName.default('carna'),
    dc: shortName.default('dc1'),
    group: text(
      /^(?:\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)+$/,
      'an absolute group: /name/name of lower-case letters, digits, dots and dashes',
    ).optional(),
    images: z.strictObject(
      { carna: image, kamailio: image, freeswitch: image },
      {
        error: 'carna, kamailio and freeswitch with their images',
      },
    ),
    zookeeper,
    remoteZookeepers: z
      .record(shortName, zookeeper, { error: 'ensembles by data centre' })
      .default({}),
    sipDomain: text(/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a domain or an address'),
    secretsDir: hostFolder.default('/etc/carna/secrets'),
    zookeeperAuth: flag.default(true),
    routeSecret: flag.default(true),
    dockerSocket: z.strictObject(
      {
        path: hostFolder.default('/var/run/docker.sock'),
        group: whole(0, 4_294_967_294, 'the number of the group that may use the socket'),
        mount: z.enum(['socket', 'folder'], { error: 'socket | folder' }).default('socket'),
      },
      { error: 'path and group' },
    ),
    drainDeadline: duration.prefault('1h'),
    sipInterface: text(/^[\w.@-]{1,15}$/, 'name of a network interface')
      .nullable()
      .default(null),
    environmentPrefix: text(/^[A-Za-z_]?\w*$/, 'letters, digits and underscores').default(''),
    ports: z
      .strictObject(
        {
          agent: port.default(9100),
          reconciler: port.default(9101),
          esl: port.default(8021),
          dmq: port.default(5061),
        },
        { error: 'ports by name' },
      )
      .prefault({}),
    constraints: constraints.default([]),
    acceptedResourceRoles: resourceRoles.nullable().default(null),
    env: variables.default({}),
    apps: apps.prefault({}),
  },
  { error: 'the settings of a data centre' },
);
