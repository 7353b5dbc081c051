import { z } from 'zod';
import { wholeNumber } from './common.js';
import { optional, withDefault } from './variables.js';
import type { ValuesOf } from './variables.js';

const urls = z.string().transform((list, ctx) => {
  const found = list.split(',').map((text) => text.trim());
  if (found.every((text) => /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/.test(text))) return found;
  ctx.addIssue({ code: 'custom', message: 'no URLs' });
  return z.NEVER;
});

/** The path of a group or an app, as Marathon checks it. */
const groupPath = z
  .string()
  .regex(
    /^(?:\/(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/,
    'no path',
  );

/** Where Marathon is, for the operators' commands that ask or change it. */
export const MARATHON_VARIABLES = {
  marathon: optional('CARNA_MARATHON', urls, {
    expected: 'http(s)://host:port[/path][,…], without credentials',
    meaning: 'the Marathons of this data centre, asked in this order',
  }),
  marathonUser: optional('CARNA_MARATHON_USER', z.string().regex(/^[^:\s]+$/), {
    expected: 'a user name without colon',
    meaning: 'who we are to Marathon (basic authentication); goes with CARNA_MARATHON_PASSWORD',
  }),
  marathonPassword: optional('CARNA_MARATHON_PASSWORD', z.string().min(1), {
    expected: 'a password',
    meaning: 'password of CARNA_MARATHON_USER',
    isSecret: true,
  }),
  marathonToken: optional('CARNA_MARATHON_TOKEN', z.string().regex(/^[\x21-\x7e][\x20-\x7e]*$/), {
    expected: 'the whole value of an Authorization header, such as token=… or Bearer …',
    meaning: 'in place of user and password',
    isSecret: true,
  }),
  marathonCa: optional('CARNA_MARATHON_CA', z.string().min(1), {
    expected: 'path of a PEM file',
    meaning: 'authority that signed Marathon’s certificate; unset = those that the system knows',
  }),
  marathonGroup: optional('CARNA_MARATHON_GROUP', groupPath, {
    expected: 'a path such as /carna/dc1',
    meaning: 'group with one app per role; unset = /CARNA_CLUSTER/CARNA_DC',
  }),
  marathonTimeoutMs: withDefault('CARNA_MARATHON_TIMEOUT_MS', '30000', wholeNumber(100, 600_000), {
    expected: 'whole milliseconds from 100 to 600000',
    meaning: 'deadline of a call to Marathon with its retries, and of the answer to a change',
  }),
} as const;

/** What does not go together. Pure. */
export function marathonFaults(
  values: Pick<
    ValuesOf<typeof MARATHON_VARIABLES>,
    'marathonUser' | 'marathonPassword' | 'marathonToken'
  >,
): string[] {
  const { marathonUser, marathonPassword, marathonToken } = values;
  const faults: string[] = [];
  if ((marathonUser === null) !== (marathonPassword === null)) {
    const [there, missing] =
      marathonUser === null
        ? ['CARNA_MARATHON_PASSWORD', 'CARNA_MARATHON_USER']
        : ['CARNA_MARATHON_USER', 'CARNA_MARATHON_PASSWORD'];
    faults.push(`${missing}: expected with ${there}, found nothing`);
  }
  if (marathonToken !== null && marathonUser !== null) {
    faults.push('CARNA_MARATHON_TOKEN: expected it or a user with a password, found both');
  }
  return faults;
}
