import type { Role } from '../../topology/node.js';
import type { DrainCheckJson } from '../json-shapes.js';

/**
 * What a line of `carna scale --json` and `carna scale-in --json` tells of.
 *
 * - `plan`: what will be done, or with --dry-run would be; `victims` are the nodes that go.
 * - `refused`: the guard or the state of the platform; nothing was changed, or after `undrained` nothing but drains that
 *   were taken back, or (exit code 3) could not be.
 * - `asked`: Marathon was asked for the number. `locked`: another deployment is under way. `away`: somebody does
 *   not answer; it is asked again. `waiting`: instances wait for offers.
 * - of a node on its way in: `task`, `registered`, `up`, `row` (in the table), `listed` (every Kamailio proved a list with it).
 * - of a node on its way out: `draining`, `drained`, `undrained`, `leaving`, `gone`.
 * - `cancelled`: a deployment that only waited was ended. `killed`: Marathon took the kill.
 * - `done`, `failed`, `left` (Ctrl-C): the last line.
 */
export type ScaleStep =
  | 'plan'
  | 'refused'
  | 'asked'
  | 'locked'
  | 'away'
  | 'waiting'
  | 'task'
  | 'registered'
  | 'up'
  | 'row'
  | 'listed'
  | 'draining'
  | 'drained'
  | 'undrained'
  | 'leaving'
  | 'gone'
  | 'cancelled'
  | 'killed'
  | 'done'
  | 'failed'
  | 'left';

/** A node that goes. */
export interface VictimJson {
  readonly nodeId: string;
  readonly taskId: string;
  readonly host: string;
  /** Null: nobody says. */
  readonly calls: number | null;
  /** A drain of it stands already. */
  readonly isDraining: boolean;
}

/** One line of `carna scale --json` and `carna scale-in --json`. */
export interface ScaleJson {
  readonly schema: 1;
  readonly atMs: number;
  readonly appId: string;
  readonly role: Role | null;
  readonly step: ScaleStep;
  /** Null: it is about the app. */
  readonly nodeId: string | null;
  /** For people. */
  readonly text: string;
  /** Only with `plan` and `refused` of a way down. */
  readonly victims?: readonly VictimJson[];
  /** What the guard found, one for each role. */
  readonly checks?: readonly DrainCheckJson[];
}
