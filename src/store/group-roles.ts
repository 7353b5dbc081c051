import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { StoreRefusedError } from '../util/errors.js';
import type { KamailioRole } from '../topology/node.js';
import { dispatcherView } from './consumer-views.js';
import type { QueryFunction, Store } from './pool.js';

/**
 * `carna_writer`: the reconciler. `carna_reader`: agents and operators. `carna_manager`: who keeps users and
 * trunks. The others: the Kamailios of one role each.
 */
export const GROUP_ROLES = [
  'carna_writer',
  'carna_reader',
  'carna_manager',
  'carna_load_balancer',
  'carna_dispatcher',
  'carna_registrar',
  'carna_outbound',
] as const;
export type GroupRole = (typeof GROUP_ROLES)[number];

export interface LoginOptions {
  readonly user: string;
  readonly password: string;
  readonly role: GroupRole;
}

const SCRAM_ITERATIONS = 4096;
const SCRAM_SALT_BYTES = 16;
const SCRAM_KEY_BYTES = 32;
const USER_NAME = /^[a-z_][a-z0-9_-]{0,62}$/;

/** Creates the missing group roles when we may, grants what each needs, and names those still missing. */
export async function createGroupRoles(query: QueryFunction): Promise<GroupRole[]> {
  const [me] = await query<{ may: boolean }>(
    'SELECT rolsuper OR rolcreaterole AS may FROM pg_roles WHERE rolname = current_user',
    [],
  );
  const missing: GroupRole[] = [];
  for (const role of GROUP_ROLES) {
    if (!(await hasRole(query, role))) {
      if (me?.may !== true) {
        missing.push(role);
        continue;
      }
      await query(`CREATE ROLE ${role} NOLOGIN`);
    }
    await query(grantsOf(role));
  }
  return missing;
}

/**
 * Creates a login of a group role, or sets the password of an existing one. The server is sent the
 * SCRAM verifier, never the password, so it stands in no statement log.
 *
 * Throws StoreRefusedError for a name that is no plain lower-case one, or when we may not create roles.
 */
export async function createLogin(store: Store, login: LoginOptions): Promise<void> {
  if (!USER_NAME.test(login.user)) {
    throw new StoreRefusedError(`"${login.user}" is no plain lower-case role name`);
  }
  const verifier = scramVerifier(login.password, randomBytes(SCRAM_SALT_BYTES));
  await store.withConnection(async (query) => {
    await query('BEGIN');
    const verb = (await hasRole(query, login.user)) ? 'ALTER' : 'CREATE';
    await query(`${verb} ROLE "${login.user}" LOGIN PASSWORD '${verifier}'`);
    await query(`GRANT ${login.role} TO "${login.user}"`);
    await query('COMMIT');
  });
}

async function hasRole(query: QueryFunction, role: string): Promise<boolean> {
  return (await query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])).length > 0;
}

function grantsOf(role: GroupRole): string {
  switch (role) {
    case 'carna_writer':
      return `
        GRANT USAGE ON SCHEMA carna TO carna_writer;
        GRANT SELECT, INSERT, UPDATE, DELETE ON public.dispatcher TO carna_writer;
        GRANT USAGE ON SEQUENCE public.dispatcher_id_seq TO carna_writer;
        GRANT SELECT ON public.version TO carna_writer;
        GRANT SELECT ON ALL TABLES IN SCHEMA carna TO carna_writer;
        GRANT INSERT, UPDATE ON carna.leadership, carna.used_override TO carna_writer;
        GRANT INSERT, DELETE ON carna.generation TO carna_writer;
        GRANT INSERT ON carna.change, carna.change_live TO carna_writer;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA carna TO carna_writer;
        ${withoutSecrets('carna_writer')}`;
    case 'carna_reader':
      return `
        GRANT USAGE ON SCHEMA carna TO carna_reader;
        GRANT SELECT ON public.dispatcher, public.version TO carna_reader;
        GRANT SELECT (id, username, domain) ON public.subscriber TO carna_reader;
        GRANT SELECT ON public.dbaliases, public.location TO carna_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA carna TO carna_reader;
        ${withoutSecrets('carna_reader')}`;
    case 'carna_manager':
      return `
        GRANT USAGE ON SCHEMA carna TO carna_manager;
        GRANT SELECT ON public.version TO carna_manager;
        GRANT SELECT, INSERT, UPDATE, DELETE ON public.subscriber, public.dbaliases TO carna_manager;
        GRANT USAGE ON SEQUENCE public.subscriber_id_seq, public.dbaliases_id_seq TO carna_manager;
        GRANT SELECT, INSERT, UPDATE, DELETE ON carna.trunk TO carna_manager;
        GRANT SELECT ON public.location TO carna_manager`;
    case 'carna_load_balancer':
      return ownList('load-balancer');
    case 'carna_dispatcher':
      return `${ownList('dispatcher')};
        ${credentials('carna_dispatcher')};
        GRANT SELECT ON carna.alias, carna.trunk_source TO carna_dispatcher;
        GRANT SELECT ON public.dr_gateways, public.dr_rules, public.dr_gw_lists, public.dr_groups
          TO carna_dispatcher;
        GRANT EXECUTE ON FUNCTION carna.alias_keys, carna.enter_conference,
          carna.use_conference_token, carna.text_of_hex, carna.log_call TO carna_dispatcher`;
    case 'carna_registrar':
      return `${ownList('registrar')};
        ${credentials('carna_registrar')};
        GRANT SELECT ON public.location TO carna_registrar;
        GRANT EXECUTE ON FUNCTION carna.keep_contact, carna.forget_contact, carna.forget_expired
          TO carna_registrar`;
    case 'carna_outbound':
      return `${ownList('outbound')};
        GRANT USAGE ON SCHEMA carna TO carna_outbound;
        GRANT SELECT ON carna.known_user, carna.known_change TO carna_outbound;
        GRANT SELECT ON public.location TO carna_outbound`;
  }
}

/** The group role of a role's Kamailios. */
export function kamailioGroup(role: KamailioRole): GroupRole {
  return `carna_${role === 'load-balancer' ? 'load_balancer' : role}`;
}

/** What every Kamailio may read: its own sets, and the versions of tables. */
function ownList(role: KamailioRole): string {
  return `GRANT SELECT ON public.version, public.${dispatcherView(role)} TO ${kamailioGroup(role)}`;
}

/** What a Kamailio that asks for passwords reads: their hashes, and what changed. */
function credentials(role: GroupRole): string {
  return `GRANT USAGE ON SCHEMA carna TO ${role};
        GRANT SELECT ON carna.credential, carna.edge_change TO ${role}`;
}

/** Takes back what "all tables" gave: a hash of a password logs a phone in. */
function withoutSecrets(role: GroupRole): string {
  return `REVOKE ALL ON carna.credential, carna.edge_change, carna.conference_token FROM ${role}`;
}

/** RFC 5802 and 7677, in PostgreSQL's notation. */
function scramVerifier(password: string, salt: Buffer): string {
  const text = password.normalize('NFKC');
  const salted = pbkdf2Sync(text, salt, SCRAM_ITERATIONS, SCRAM_KEY_BYTES, 'sha256');
  const hmac = (data: string): Buffer => createHmac('sha256', salted).update(data).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
