import type { Mistake } from './mistakes.js';

/** In a group of two apps and a group. */
export const IN_GROUP: readonly Mistake[] = [
  [
    'apps.1.healthChecks.0.gracePeriodSecond',
    1,
    'apps[1].healthChecks[0].gracePeriodSecond',
    'unknown-field',
    /"gracePeriodSeconds"/,
  ],
  [
    'apps.1.taskKillGracePeriodSeconds',
    5,
    'apps[1].taskKillGracePeriodSeconds',
    'drain-grace',
    /SIGKILL/,
  ],
  [
    'groups.0.apps.0.killSelection',
    'OLDEST_FIRST',
    'groups[0].apps[0].killSelection',
    'kill-selection',
    /most calls/,
  ],
  ['pods', [], 'pods', 'unknown-field', /\/v2\/pods/],
  ['scaleBy', 2, 'scaleBy', 'group', /multiplies/],
  ['apps.1.id', 'media', 'apps[1].id', 'group', /twice/],
  ['apps.1.id', '/other/media', 'apps[1].id', 'group', /outside of its group/],
];
