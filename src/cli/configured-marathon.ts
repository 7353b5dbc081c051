import { readFileSync } from 'node:fs';
import type { CliConfig } from '../config/cli.js';
import type { MarathonPorts } from '../marathon/client/call.js';
import { MarathonClient } from '../marathon/client/marathon-client.js';
import type { MarathonCredentials } from '../marathon/client/settings.js';
import { MARATHON_DEFAULTS } from '../marathon/client/settings.js';
import { systemClock } from '../util/clock.js';
import { ConfigError, messageOf } from '../util/errors.js';
import { wait } from '../util/wait.js';

/** What a client uses outside tests. */
export const SYSTEM_MARATHON_PORTS: MarathonPorts = {
  clock: systemClock,
  wait,
  random: Math.random,
};

/**
 * The client that the settings describe; it opens nothing before it is asked.
 *
 * Throws ConfigError when CARNA_MARATHON is unset or the authority's file cannot be read.
 */
export function openConfiguredMarathon(config: CliConfig): MarathonClient {
  if (config.marathon === null) {
    throw new ConfigError([
      'CARNA_MARATHON: expected http(s)://host:port[/path][,…], found nothing',
    ]);
  }
  const settings = {
    ...MARATHON_DEFAULTS,
    baseUrls: config.marathon,
    credentials: credentialsOf(config),
    callTimeoutMs: config.marathonTimeoutMs,
    ...(config.marathonCa === null ? {} : { caPem: readCa(config.marathonCa) }),
  };
  return new MarathonClient(settings, SYSTEM_MARATHON_PORTS);
}

/** The group with one app per role: `/<cluster>/<dc>` unless the operator named another. Pure. */
export function marathonGroupOf(
  config: Pick<CliConfig, 'marathonGroup' | 'cluster' | 'dc'>,
): string {
  return config.marathonGroup ?? `/${config.cluster}/${config.dc}`;
}

function credentialsOf(config: CliConfig): MarathonCredentials {
  const { marathonUser: user, marathonPassword: password, marathonToken: authorization } = config;
  if (authorization !== null) return { kind: 'token', authorization };
  if (user !== null && password !== null) return { kind: 'basic', user, password };
  return { kind: 'none' };
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (err) {
    throw new ConfigError([`CARNA_MARATHON_CA: expected a readable PEM file: ${messageOf(err)}`]);
  }
}
