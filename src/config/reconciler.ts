import { z } from 'zod';
import { COMMON_VARIABLES, wholeNumber } from './common.js';
import { REMOTE_ZOOKEEPERS } from './remote-zookeepers.js';
import type { Env, ReadFile, ValuesOf } from './variables.js';
import { compileConfig, withDefault } from './variables.js';

/** What `carna reconciler` reads. */
export const RECONCILER_VARIABLES = {
  ...COMMON_VARIABLES,
  sessionTimeoutMs: withDefault('CARNA_ZK_SESSION_TIMEOUT_MS', '6000', wholeNumber(500, 120_000), {
    expected: COMMON_VARIABLES.sessionTimeoutMs.expected,
    meaning: COMMON_VARIABLES.sessionTimeoutMs.meaning,
  }),
  reconcilerId: withDefault(
    'CARNA_RECONCILER_ID',
    'reconciler',
    z.string().regex(/^[\w.-]{1,200}$/),
    {
      expected: 'a name of letters, digits, dot, dash and underscore',
      meaning:
        'name of this reconciler in the election and in the table of terms; in a Mesos task MESOS_TASK_ID stands in when unset',
    },
  ),
  httpHost: withDefault('CARNA_HTTP_HOST', '127.0.0.1', z.string().min(1), {
    expected: 'an address or host name',
    meaning: 'where /healthz, /readyz and /metrics are answered',
  }),
  httpPort: withDefault('CARNA_HTTP_PORT', '9100', wholeNumber(1, 65_535), {
    expected: 'a port from 1 to 65535',
    meaning: 'its port',
  }),
  quietMs: withDefault('CARNA_QUIET_MS', '100', wholeNumber(0, 10_000), {
    expected: 'whole milliseconds from 0 to 10000',
    meaning: 'after a pass, time in which further changes are merged; the first change never waits',
  }),
  slowStartMs: withDefault('CARNA_SLOW_START_MS', '15000', wholeNumber(0, 3_600_000), {
    expected: 'whole milliseconds from 0 to 3600000',
    meaning: 'for so long a node that became up gets three tenths of its calls; 0 = no slow start',
  }),
  resyncMs: withDefault('CARNA_RESYNC_MS', '30000', wholeNumber(100, 3_600_000), {
    expected: 'whole milliseconds from 100 to 3600000',
    meaning: 'pause between looks that nothing rang for',
  }),
  remoteZookeepers: REMOTE_ZOOKEEPERS,
} as const;

export type ReconcilerConfig = ValuesOf<typeof RECONCILER_VARIABLES>;

/** Compiles the reconciler's environment. Throws one ConfigError naming every fault. */
export function loadReconcilerConfig(env: Env, readFile: ReadFile): ReconcilerConfig {
  const task = env['MESOS_TASK_ID'] ?? '';
  const named = env['CARNA_RECONCILER_ID'] ?? '';
  const withId = named === '' && task !== '' ? { ...env, CARNA_RECONCILER_ID: task } : env;
  return compileConfig(RECONCILER_VARIABLES, withId, readFile, ({ dc, remoteZookeepers }) =>
    remoteZookeepers.some((remote) => remote.dc === dc)
      ? [`CARNA_REMOTE_ZOOKEEPERS: expected other data centres, found our own (CARNA_DC is ${dc})`]
      : [],
  );
}
