import type { OperatorData } from '../../src/cli/operator-data.js';
import type { ContactPage } from '../../src/store/registrations.js';
import type { User } from '../../src/store/subscribers.js';
import type { Contact } from '../../src/topology/contact.js';
import { fakeData, LB, node, NOW, topology } from './support.js';

export const LB2 = node('load-balancer', 'lb-2', '10.0.1.2');

export const LB3 = node('load-balancer', 'lb-3', '10.0.1.3', { state: 'down' });

export const REG = node('registrar', 'reg-1', '10.0.4.1');

export function contact(user: string, edge: string | null, more: Partial<Contact> = {}): Contact {
  return {
    user,
    domain: 'a.test',
    contact: `sip:${user}@192.168.1.5:5062`,
    received: null,
    path: edge === null ? null : `<sip:${edge}:5060;lr;received=sip:198.51.100.7:40000>`,
    expiresAtMs: NOW + 58 * 60_000 + 500,
    registeredAtMs: NOW - 42_000,
    q: 1,
    userAgent: 'Linphone/5.0',
    socket: 'udp:10.0.4.1:5060',
    instance: null,
    callId: 'call',
    cseq: 7,
    ...more,
  };
}

export const ALICE: User = {
  user: 'alice',
  domain: 'a.test',
  numbers: ['+442079460123'],
  contacts: 1,
};

export function page(contacts: readonly Contact[], more: Partial<ContactPage> = {}): ContactPage {
  const users = new Set(contacts.map(({ user }) => user)).size;
  return { contacts, total: contacts.length, users, edges: [], asOfMs: NOW, ...more };
}

/** A platform with these registrations, which alone is asked for by name and with the limit. */
export function world(
  contacts: readonly Contact[],
  more: Partial<OperatorData> = {},
  paged: Partial<ContactPage> = {},
): OperatorData {
  return fakeData({
    readTopology: async () => topology({ nodes: [LB, LB2, LB3, REG] }),
    readTable: async () => [],
    readUser: async ({ user }) => (user === 'alice' ? ALICE : null),
    readSimilarUsers: async () => [ALICE],
    readOwners: async (number) => (number === '+442079460123' ? [ALICE] : []),
    readContacts: async ({ pattern, limit, withExpired }) => {
      const found = contacts.filter(
        (one) =>
          (pattern.user === '*' || pattern.user === one.user) &&
          (withExpired || one.expiresAtMs === null || one.expiresAtMs > NOW),
      );
      return page(found.slice(0, limit), { total: found.length, ...paged });
    },
    ...more,
  });
}
