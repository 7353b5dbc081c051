import { milliseconds, wholeNumber } from './common.js';
import type { ValuesOf } from './variables.js';
import { withDefault } from './variables.js';

/** How an agent judges its server: checks, flapping and load. */
export const HEALTH_VARIABLES = {
  checkIntervalMs: milliseconds(
    'CARNA_CHECK_INTERVAL_MS',
    '1000',
    'from the begin of one health check to the next',
  ),
  checkTimeoutMs: milliseconds(
    'CARNA_CHECK_TIMEOUT_MS',
    '800',
    'deadline of each check; below the interval, a server that hangs is found in interval × fall + 1 s',
  ),
  rise: withDefault('CARNA_RISE', '2', wholeNumber(1, 100), {
    expected: 'a whole number from 1 to 100',
    meaning: 'good checks in a row that make a node up',
  }),
  fall: withDefault('CARNA_FALL', '3', wholeNumber(1, 100), {
    expected: 'a whole number from 1 to 100',
    meaning: 'failed checks in a row that make a node down',
  }),
  flapChanges: withDefault('CARNA_FLAP_CHANGES', '5', wholeNumber(2, 100_000), {
    expected: 'a whole number from 2 to 100000',
    meaning:
      'changes between up and down within CARNA_FLAP_WINDOW_MS that put a node in quarantine',
  }),
  flapWindowMs: milliseconds('CARNA_FLAP_WINDOW_MS', '300000', 'window for CARNA_FLAP_CHANGES'),
  quarantineMs: milliseconds(
    'CARNA_QUARANTINE_MS',
    '60000',
    'first quarantine; each further one lasts twice as long, up to 32 times',
  ),
  loadBusyPercent: withDefault('CARNA_LOAD_BUSY_PERCENT', '70', wholeNumber(1, 100), {
    expected: 'a whole number from 1 to 100',
    meaning: 'share of its sessions or memory from which a node is busy; normal again 10 below',
  }),
  loadFullPercent: withDefault('CARNA_LOAD_FULL_PERCENT', '95', wholeNumber(1, 100), {
    expected: 'a whole number from 1 to 100',
    meaning: 'share from which it is full; busy again 10 below',
  }),
} as const;

/** What does not go together. Pure. */
export function healthFaults(
  values: Pick<ValuesOf<typeof HEALTH_VARIABLES>, 'loadBusyPercent' | 'loadFullPercent'>,
): string[] {
  if (values.loadBusyPercent > values.loadFullPercent) {
    return [
      `CARNA_LOAD_BUSY_PERCENT: expected at most CARNA_LOAD_FULL_PERCENT (${values.loadFullPercent}), found ${values.loadBusyPercent}`,
    ];
  }
  return [];
}
