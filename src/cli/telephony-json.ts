import type { ContactView } from '../topology/whereabouts.js';
import type { Trunk } from '../topology/trunk.js';
import type { JSON_SCHEMA } from './json-shapes.js';

/**
 * What `--json` of users, trunks and registrations prints; the rules of src/cli/json-shapes.ts hold. A user is
 * named `user@domain`.
 */
export type TelephonyJson =
  | UserListJson
  | UserChangeJson
  | TrunkListJson
  | TrunkChangeJson
  | RegistrationsJson
  | LocationJson;

interface Shape {
  readonly schema: typeof JSON_SCHEMA;
}

/** `carna user list --json`. */
export interface UserListJson extends Shape {
  /** How many match, also those beyond --limit. */
  readonly total: number;
  readonly users: readonly {
    readonly aor: string;
    readonly numbers: readonly string[];
    /** Where it is registered now. */
    readonly contacts: number;
  }[];
}

/** `carna user add|passwd|remove --json`. */
export interface UserChangeJson extends Shape {
  readonly did: 'added' | 'password-changed' | 'removed';
  readonly aor: string;
  /** Of the user; after `removed` those that it had. Null after `password-changed`. */
  readonly numbers: readonly string[] | null;
  /** Made by --generate and told this once; else null. */
  readonly password: string | null;
  /** Registrations that a removed user leaves until they expire; else null. */
  readonly contactsLeft: number | null;
}

/** `carna trunk list [NUMBER] --json`. */
export interface TrunkListJson extends Shape {
  /** The number asked for; null = all trunks are listed. */
  readonly number: string | null;
  /** Who has that number: a call to it goes to that user and takes none of `trunks`. Null when nobody has it. */
  readonly user: string | null;
  /** A call tries at most so many. */
  readonly maxTries: number;
  readonly trunks: readonly (Trunk & {
    /** For a number, as TrunkTry in src/topology/trunk.ts; else null. */
    readonly rank: number | null;
    readonly share: number | null;
    readonly sent: string | null;
  })[];
}

/** `carna trunk add|remove --json`. */
export interface TrunkChangeJson extends Shape {
  readonly did: 'added' | 'removed';
  readonly trunk: Trunk;
}

interface ContactsShape extends Shape {
  readonly cluster: string;
  readonly dc: string;
  /** Clock of the database, by which contacts expire. */
  readonly asOfMs: number;
  /** Why the nodes behind addresses are not known (their ids and states are null then); null when they are. */
  readonly nodesError: string | null;
  /** ContactView in src/topology/whereabouts.ts; those of one user that a call tries first in front. */
  readonly contacts: readonly ContactView[];
}

/** `carna registrations --json`. */
export interface RegistrationsJson extends ContactsShape {
  /** How many match, also those beyond --limit. */
  readonly total: number;
  readonly users: number;
  /** By the address in the Path; null = without one. */
  readonly edges: readonly {
    readonly address: string | null;
    readonly nodeId: string | null;
    readonly contacts: number;
  }[];
}

/** `carna location --json`. */
export interface LocationJson extends ContactsShape {
  /** As it was given: a user or a number. */
  readonly asked: string;
  readonly aor: string;
  /** `registered-unknown`: phones of a user that was removed. */
  readonly status: 'registered' | 'registered-unknown' | 'not-registered' | 'unknown';
  readonly numbers: readonly string[];
}
