import { LabError } from '../../util/errors.js';
import type { LabPlan } from '../plan.js';
import { phoneAddress } from '../plan.js';
import { LAB_SIP_DOMAIN } from '../secrets.js';
import { labUser } from '../users.js';
import { openEndpoint } from './endpoint.js';
import { Phone } from './phone.js';
import { Switchboard } from './switchboard.js';

/** Phones of the lab's users, each behind all its load-balancers in an order of its own. */
export interface PhoneBank {
  /** Phone number `n`, which was asked for. Throws RangeError for another. */
  phone(n: number): Phone;
  /** Calls in which some phone still is. */
  callsLeft(): number;
  close(): Promise<void>;
}

/** Registrations under way at the same time. */
const REGISTERING = 40;
/** Phones of one process; each address has a socket. */
export const MAX_PHONES = 20_000;

/** Opens phones with these numbers; nobody is registered yet. Throws LabError when an address is taken. */
export async function openPhones(
  plan: LabPlan,
  password: string,
  numbers: readonly number[],
): Promise<PhoneBank> {
  const edges = plan.nodes.filter(({ role }) => role === 'load-balancer').map(({ sip }) => sip);
  if (edges.length === 0) throw new LabError('the lab has no load-balancer');
  const boards = new Map<string, Switchboard>();
  const phones = new Map<number, Phone>();
  const close = async (): Promise<void> => {
    await Promise.all([...boards.values()].map(({ endpoint }) => endpoint.close()));
  };
  try {
    for (const n of numbers) {
      const address = phoneAddress(plan, n);
      const board = boards.get(address.host) ?? new Switchboard(await openEndpoint(address));
      boards.set(address.host, board);
      const first = n % edges.length;
      const ordered = [...edges.slice(first), ...edges.slice(0, first)];
      const identity = { user: labUser(n), domain: LAB_SIP_DOMAIN, password, edges: ordered };
      phones.set(n, new Phone(board, identity));
    }
  } catch (err) {
    await close();
    throw err;
  }
  return {
    phone: (n) => {
      const phone = phones.get(n);
      if (phone === undefined) throw new RangeError(`phone-${n} was not asked for`);
      return phone;
    },
    callsLeft: () => [...boards.values()].reduce((sum, board) => sum + board.calls.length, 0),
    close,
  };
}

/** Registers phones, some at a time. Throws LabError with the first that cannot. */
export async function registerAll(
  phones: readonly Phone[],
  expiresS: number,
  onRegistered: (count: number) => void = () => undefined,
): Promise<void> {
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let phone = phones[next++]; phone !== undefined; phone = phones[next++]) {
      const status = await phone.register(expiresS);
      if (status !== 200) {
        throw new LabError(
          `${phone.aor} could not register: ${status === null ? 'no answer' : `answered ${status}`}`,
        );
      }
      onRegistered(++done);
    }
  };
  await Promise.all(Array.from({ length: REGISTERING }, work));
}
