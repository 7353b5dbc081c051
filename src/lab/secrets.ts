import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoginOptions } from '../store/group-roles.js';
import { kamailioGroup } from '../store/group-roles.js';
import type { KamailioRole } from '../topology/node.js';
import type { LabPlan } from './plan.js';
import type { LabSecrets } from './state.js';

/** Passwords of one run of the lab; nothing is shared between runs. */
export function newSecrets(): LabSecrets {
  const password = (): string => randomBytes(18).toString('base64url');
  return {
    superuserPassword: password(),
    reconcilerPassword: password(),
    readerPassword: password(),
    kamailioPasswords: {
      'load-balancer': password(),
      dispatcher: password(),
      registrar: password(),
      outbound: password(),
    },
    managerPassword: password(),
    eslPassword: password(),
    userPassword: password(),
    routeSecret: password(),
    zookeeperAuth: `carna:${password()}`,
  };
}

export const LAB_DATABASE = 'carna';
export const LAB_CLUSTER = 'lab';
/** The domain of the lab's users. */
export const LAB_SIP_DOMAIN = 'carna.test';

/** Logins that the lab makes, one for each job, with the group role that limits it. */
export const LAB_LOGINS = {
  reconciler: { user: 'lab_reconciler', role: 'carna_writer' },
  reader: { user: 'lab_reader', role: 'carna_reader' },
  manager: { user: 'lab_manager', role: 'carna_manager' },
} as const;

/** The login of a role's Kamailios. */
export function kamailioLogin(role: KamailioRole): Pick<LoginOptions, 'user' | 'role'> {
  return { user: `lab_${role.replaceAll('-', '_')}`, role: kamailioGroup(role) };
}

/** The URL of a login; `scheme` is `postgres` for Kamailio, which knows no other spelling. */
export function loginUrl(
  plan: LabPlan,
  user: string,
  password: string,
  scheme: 'postgresql' | 'postgres' = 'postgresql',
): string {
  return `${scheme}://${user}:${password}@${plan.postgres.host}:${plan.postgres.port}/${LAB_DATABASE}`;
}

/** Paths of the files, mode 0600, from which the daemons read what must not stand in argv or environment. */
export interface SecretFiles {
  readonly zookeeperAuth: string;
  readonly reconcilerUrl: string;
  readonly readerUrl: string;
  readonly managerUrl: string;
  readonly eslPassword: string;
  readonly userPassword: string;
}

export function secretFiles(runDir: string): SecretFiles {
  const dir = join(runDir, 'secrets');
  return {
    zookeeperAuth: join(dir, 'zookeeper-auth'),
    reconcilerUrl: join(dir, 'reconciler-database-url'),
    readerUrl: join(dir, 'reader-database-url'),
    managerUrl: join(dir, 'manager-database-url'),
    eslPassword: join(dir, 'esl-password'),
    userPassword: join(dir, 'user-password'),
  };
}

export function writeSecretFiles(runDir: string, plan: LabPlan, secrets: LabSecrets): void {
  const files = secretFiles(runDir);
  mkdirSync(join(runDir, 'secrets'), { recursive: true, mode: 0o700 });
  const write = (file: string, text: string): void =>
    writeFileSync(file, `${text}\n`, { mode: 0o600 });
  write(files.zookeeperAuth, secrets.zookeeperAuth);
  write(
    files.reconcilerUrl,
    loginUrl(plan, LAB_LOGINS.reconciler.user, secrets.reconcilerPassword),
  );
  write(files.readerUrl, loginUrl(plan, LAB_LOGINS.reader.user, secrets.readerPassword));
  write(files.managerUrl, loginUrl(plan, LAB_LOGINS.manager.user, secrets.managerPassword));
  write(files.eslPassword, secrets.eslPassword);
  write(files.userPassword, secrets.userPassword);
}
