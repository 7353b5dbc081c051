import { z } from 'zod';
import type { ValuesOf } from './variables.js';
import { optional, withDefault } from './variables.js';

export const RUNTIMES = ['process', 'docker', 'observe'] as const;
export type RuntimeKind = (typeof RUNTIMES)[number];

const command = z.string().transform((json, ctx) => {
  try {
    const parsed = z.array(z.string()).min(1).safeParse(JSON.parse(json));
    if (parsed.success) return parsed.data;
  } catch {
    // Told below, like any other shape.
  }
  ctx.addIssue({ code: 'custom', message: 'no command' });
  return z.NEVER;
});

const image = z.string().regex(/^[a-z0-9][\w./:-]{0,254}(?:@sha256:[0-9a-f]{64})?$/);

const mounts = z.string().transform((list, ctx) => {
  const found = list === '' ? [] : list.split(',');
  if (found.every((mount) => MOUNT.test(mount))) return found;
  ctx.addIssue({ code: 'custom', message: 'no mounts' });
  return z.NEVER;
});
const MOUNT = /^(?:\/[^:,\s]*|[\w][\w.-]{1,127}):\/[^:,\s]*(?::ro)?$/;

/** Who runs the SIP server, and how. */
export const RUNTIME_VARIABLES = {
  runtime: optional('CARNA_RUNTIME', z.enum(RUNTIMES), {
    expected: RUNTIMES.join(' | '),
    meaning:
      'who runs the SIP server: a child process, a container bound to the agent’s, or somebody else; unset = docker when CARNA_SERVER_IMAGE is set, else process',
  }),
  serverCommand: optional('CARNA_SERVER_COMMAND', command, {
    expected: 'a JSON array: program and arguments',
    meaning:
      'starts the SIP server in the foreground; needed by the runtime process, with docker unset = the image’s own; the server gets the agent’s environment without the agent’s own credentials',
  }),
  serverImage: optional('CARNA_SERVER_IMAGE', image, {
    expected: 'an image reference: [registry/]name[:tag][@digest]',
    meaning: 'image of the SIP server; needed by the runtime docker',
  }),
  dockerSocket: withDefault('CARNA_DOCKER_SOCKET', '/var/run/docker.sock', z.string().min(1), {
    expected: 'path of a unix socket',
    meaning: 'Docker’s API; whoever may use it is root on the host',
  }),
  dockerContainer: optional('CARNA_DOCKER_CONTAINER', z.string().regex(/^[\w.-]{1,128}$/), {
    expected: 'id or name of a container',
    meaning: 'the agent’s own container, to which the server’s is bound; unset = found by itself',
  }),
  dockerMounts: withDefault('CARNA_DOCKER_MOUNTS', '', mounts, {
    expected: 'comma list of SOURCE:/path or SOURCE:/path:ro, absolute paths or volume names',
    meaning:
      'further mounts of the server’s container; the one with CARNA_STATE_DIR and the ctl socket is shared by itself',
  }),
  dockerPull: withDefault('CARNA_DOCKER_PULL', 'missing', z.enum(['missing', 'never']), {
    expected: 'missing | never',
    meaning: 'whether an image that the host does not have is pulled',
  }),
  observeLabel: optional(
    'CARNA_OBSERVE_LABEL',
    z.string().regex(/^[\w./-]{1,128}=[^,\s]{1,256}$/),
    {
      expected: 'name=value',
      meaning:
        'runtime observe: label of the container that holds the server; unset = it is known by its addresses alone',
    },
  ),
} as const;

type RuntimeValues = Pick<
  ValuesOf<typeof RUNTIME_VARIABLES>,
  'runtime' | 'serverCommand' | 'serverImage'
>;

/** The runtime that the settings mean. Pure. */
export function runtimeOf(values: Pick<RuntimeValues, 'runtime' | 'serverImage'>): RuntimeKind {
  return values.runtime ?? (values.serverImage === null ? 'process' : 'docker');
}

/** What the chosen runtime lacks. Pure. */
export function runtimeFaults(values: RuntimeValues): string[] {
  const runtime = runtimeOf(values);
  if (runtime === 'process' && values.serverCommand === null) {
    return ['CARNA_SERVER_COMMAND: expected a JSON array: program and arguments, found nothing'];
  }
  if (runtime === 'docker' && values.serverImage === null) {
    return ['CARNA_SERVER_IMAGE: expected an image reference, found nothing'];
  }
  return [];
}
