import type { AccountData } from '../../src/cli/account-data.js';
import type { Secrets, User } from '../../src/store/subscribers.js';
import type { Aor } from '../../src/topology/account.js';
import { aorText } from '../../src/topology/account.js';
import type { Trunk } from '../../src/topology/trunk.js';
import { byPreference } from '../../src/topology/trunk.js';

/** A user as it stands in the table. */
export interface StoredUser extends User, Secrets {}

/** Users and trunks in memory, with the rules of the store; `users` and `trunks` show what stands there. */
export interface AccountWorld extends AccountData {
  readonly users: Map<string, StoredUser>;
  readonly trunks: Map<string, Trunk>;
  /** Whether the connection was closed. */
  isClosed(): boolean;
}

export function stored(name: string, more: Partial<StoredUser> = {}): StoredUser {
  const [user = '', domain = ''] = name.split('@');
  return { user, domain, numbers: [], contacts: 0, ha1: 'old', ha1b: 'old', ...more };
}

export function trunk(name: string, more: Partial<Trunk> = {}): Trunk {
  const to = { host: '203.0.113.5', port: 5060, transport: 'udp' } as const;
  const rest = { prefix: '+44', priority: 0, weight: 1, cap: 0, source: false, strip: 0, add: '' };
  return { name, ...to, ...rest, ...more };
}

export function accountWorld(
  known: readonly StoredUser[] = [],
  carriers: readonly Trunk[] = [],
): AccountWorld {
  const users = new Map(known.map((one) => [aorText(one), one]));
  const trunks = new Map(carriers.map((one) => [one.name, one]));
  let isClosed = false;
  const publicly = ({ user, domain, numbers, contacts }: StoredUser): User => {
    return { user, domain, numbers, contacts };
  };
  const ownerOf = (number: string): StoredUser | undefined =>
    [...users.values()].find((one) => one.numbers.includes(number));
  return {
    users,
    trunks,
    isClosed: () => isClosed,
    readUsers: async ({ pattern, limit }) => {
      const like = (glob: string, text: string): boolean =>
        glob.endsWith('*') ? text.startsWith(glob.slice(0, -1)) : glob === text;
      const all = [...users.values()].filter(
        (one) => like(pattern.user, one.user) && like(pattern.domain, one.domain),
      );
      return { users: all.slice(0, limit).map(publicly), total: all.length };
    },
    readUser: async (aor) => {
      const found = users.get(aorText(aor));
      return found === undefined ? null : publicly(found);
    },
    readSimilarUsers: async () => [...users.values()],
    readOwners: async (number) => {
      const owner = ownerOf(number);
      return owner === undefined ? [] : [owner];
    },
    addUser: async (aor: Aor, secrets, numbers) => {
      if (users.has(aorText(aor))) return { kind: 'user-exists' };
      const number = numbers.find((one) => ownerOf(one) !== undefined);
      const owner = number === undefined ? undefined : ownerOf(number);
      if (number !== undefined && owner !== undefined) {
        return { kind: 'number-taken', number, by: aorText(owner) };
      }
      users.set(aorText(aor), { ...aor, ...secrets, numbers, contacts: 0 });
      return { kind: 'added' };
    },
    setSecrets: async (aor, secrets) => {
      const before = users.get(aorText(aor));
      if (before !== undefined) users.set(aorText(aor), { ...before, ...secrets });
      return before !== undefined;
    },
    removeUser: async (aor) => {
      const before = users.get(aorText(aor)) ?? null;
      users.delete(aorText(aor));
      return before;
    },
    readTrunks: async () => [...trunks.values()].sort(byPreference),
    addTrunk: async (one) => {
      if (trunks.has(one.name)) return false;
      trunks.set(one.name, one);
      return true;
    },
    removeTrunk: async (name) => trunks.delete(name),
    close: async () => {
      isClosed = true;
    },
  };
}
