import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KamailioRole } from '../topology/node.js';
import { LabError } from '../util/errors.js';
import type { FoundFreeswitch } from './freeswitch.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { isAlive } from './parts/daemon.js';
import type { LabNode, LabPlan } from './plan.js';

/** What runs media: the real server, or the lab's stand-in where none is installed. */
export type MediaServer =
  { readonly kind: 'freeswitch'; readonly found: FoundFreeswitch } | { readonly kind: 'stand-in' };

/** How the Kamailios of a lab look after their destinations by themselves. */
export interface KamailioProbing {
  /** Seconds between OPTIONS pings. */
  readonly intervalS: number;
  /** A destination that leaves a call unanswered is taken out at once, without waiting for a ping. */
  readonly marksSilent: boolean;
}

/** As shipped in `kamailio/`. */
export const DEFAULT_PROBING: KamailioProbing = { intervalS: 1, marksSilent: true };

/** Everything a later command must know of a lab that is up: the content of `lab.json` (mode 0600, it holds passwords). */
export interface LabState {
  readonly schema: 4;
  readonly runDir: string;
  /** Value of LAB_MARK in the environment of every process of this run. */
  readonly mark: string;
  readonly startedAtMs: number;
  readonly plan: LabPlan;
  readonly media: MediaServer;
  readonly probing: KamailioProbing;
  readonly secrets: LabSecrets;
  /** Part name (zookeeper or zookeeper-N, postgres, reconciler-N, or a node's name for its agent) -> its process. */
  readonly processes: Readonly<Record<string, ProcessIdentity>>;
}

export interface LabSecrets {
  readonly superuserPassword: string;
  readonly reconcilerPassword: string;
  readonly readerPassword: string;
  readonly kamailioPasswords: Readonly<Record<KamailioRole, string>>;
  readonly managerPassword: string;
  readonly eslPassword: string;
  /** Of every user of the lab. */
  readonly userPassword: string;
  /** Signs the Record-Routes of the load-balancers. */
  readonly routeSecret: string;
  readonly zookeeperAuth: string;
}

/** Marks every process of one run, by inheritance. Not a setting: nobody's shell carries it. */
export const LAB_MARK = 'CARNA_LAB_MARK';

/** Where a lab lives unless told otherwise: `CARNA_LAB_DIR`, else one folder per user in the temporary folder. */
export function defaultRunDir(env: NodeJS.ProcessEnv): string {
  const named = env['CARNA_LAB_DIR'];
  if (named !== undefined && named !== '') return named;
  const uid = process.getuid?.() ?? 0;
  return join(tmpdir(), uid === 0 ? 'carna-lab' : `carna-lab-${uid}`);
}

/** The folder of one part below the run directory. */
export function partDir(runDir: string, name: string): string {
  return join(runDir, name);
}

/** The ctl socket (BINRPC, unix stream) of a Kamailio of the lab. */
export function ctlSocket(runDir: string, node: LabNode): string {
  return join(partDir(runDir, node.name), 'ctl.sock');
}

export function readLab(runDir: string): LabState | null {
  const file = join(runDir, 'lab.json');
  if (!existsSync(file)) return null;
  try {
    const state = JSON.parse(readFileSync(file, 'utf8')) as LabState;
    if (state.schema === 4) return state;
  } catch (err) {
    throw new LabError(`${file} cannot be read; remove ${runDir} if no lab runs there`, {
      cause: err,
    });
  }
  throw new LabError(
    `${file} was written by another version of Carna; stop that lab with its own version`,
  );
}

/** Replaces the state file in one step, so that a reader never sees half of it. */
export function writeLab(state: LabState): void {
  const file = join(state.runDir, 'lab.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The newest state of this lab with these processes instead of those of the same name; it is written. */
export function updateProcesses(
  state: LabState,
  processes: Readonly<Record<string, ProcessIdentity>>,
): LabState {
  const newest = readLab(state.runDir) ?? state;
  const next = { ...newest, processes: { ...newest.processes, ...processes } };
  writeLab(next);
  return next;
}

/** The lab in `runDir`; throws LabError with the next step when none is up there. */
export function requireLab(runDir: string): LabState {
  const state = readLab(runDir);
  if (state === null || !Object.values(state.processes).some(isAlive)) {
    throw new LabError(`no lab is up in ${runDir}; start one with: carna lab up`);
  }
  return state;
}

/** Makes the run directory, searchable by the user postgres, which root's PostgreSQL runs as. */
export function makeRunDir(runDir: string): void {
  mkdirSync(runDir, { recursive: true });
  chmodSync(runDir, 0o711);
}

export function removeRunDir(runDir: string): void {
  rmSync(runDir, { recursive: true, force: true });
}
