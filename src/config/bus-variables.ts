import { busAddress } from '../topology/bus.js';
import type { Role } from '../topology/node.js';
import { wholeNumber } from './common.js';
import { withDefault } from './variables.js';

/** What an agent reads of the bus on which registrars and outbound nodes share contacts. */
export const BUS_VARIABLES = {
  dmqPort: withDefault('CARNA_DMQ_PORT', '5061', wholeNumber(1, 65_535), {
    expected: 'a port from 1 to 65535',
    meaning: 'port of the DMQ bus of registrars and outbound nodes, the same one on all of them',
  }),
} as const;

interface BusValues {
  readonly role: Role;
  readonly sipHost: string;
  readonly sipPort: number;
  readonly dmqPort: number;
}

/** What is wrong for a role on the bus: a name that Kamailio cannot resolve would stop its DMQ for good. */
export function busFaults({ role, sipHost, sipPort, dmqPort }: BusValues): string[] {
  if (role !== 'registrar' && role !== 'outbound') return [];
  const faults: string[] = [];
  if (busAddress(sipHost, dmqPort) === null) {
    faults.push(
      `CARNA_SIP_HOST: expected an address for role ${role} (its DMQ peers know it by that), found ${sipHost}`,
    );
  }
  if (sipPort === dmqPort) {
    faults.push(`CARNA_DMQ_PORT: expected another port than CARNA_SIP_PORT, found ${dmqPort}`);
  }
  return faults;
}
