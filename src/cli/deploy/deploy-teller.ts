import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { AppProgress } from '../../marathon/deploy/app-progress.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { printable } from '../render/colour.js';
import { appProgressLines, deployPlanLines } from '../render/deploy-text.js';
import { plural } from '../render/units.js';
import { groupIdOf, nameOfApp } from '../../marathon/deploy/group-apps.js';
import type { DeployJson } from './deploy-json.js';
import type { DeployFlags } from './deploy-line.js';
import { deployLine } from './deploy-line.js';
import type { GroupFile, GroupLook } from './look-at-group.js';
import type { MarathonWork } from './marathon-work.js';
import type { AppsLook, WatchEnd } from './watch-apps.js';

type Said = DeployJson extends infer One
  ? One extends DeployJson
    ? Omit<One, 'schema' | 'group'>
    : never
  : never;

/** Says what a deploy does, as text or as JSON, and gives the exit code that goes with an end. */
export class DeployTeller {
  readonly #work: MarathonWork;
  readonly #group: string;
  readonly #file: string;
  readonly #flags: DeployFlags;
  #said = '';
  #lines: ReadonlySet<string> = new Set();

  constructor(work: MarathonWork, { file, definition }: GroupFile, flags: DeployFlags) {
    this.#work = work;
    this.#file = file;
    this.#flags = flags;
    this.#group = groupIdOf(definition);
  }

  planned({ plan, notes }: GroupLook): void {
    const { context } = this.#work;
    const lines = deployPlanLines(this.#group, plan, notes, context.paint);
    this.#say({ did: 'planned', ...plan, notes }, lines);
  }

  /** Marathon holds all that the file says; `open` apps are not there yet, or not any more. */
  nothing(open: readonly AppProgress[]): ExitCode {
    if (open.length === 0) {
      this.#say({ did: 'nothing' }, []);
      return EXIT.done;
    }
    const old = open.filter(({ oldLeft }) => oldLeft > 0);
    this.#say({ did: 'unfinished', apps: open }, [
      `✘ not all of ${this.#group} is as Marathon holds it:`,
      ...appProgressLines(open, this.#work.context.paint),
      ...old.map(({ appId }) => {
        return `Next: carna rollout ${nameOfApp(appId)} restarts all nodes of it with that definition`;
      }),
      ...(old.length < open.length ? ['Next: carna topology'] : []),
    ]);
    return EXIT.no;
  }

  refused(): ExitCode {
    this.#say({ did: 'refused' }, ['Nothing was changed.']);
    return EXIT.held;
  }

  dryRun(): ExitCode {
    this.#say({ did: 'dry-run' }, ['Nothing was changed (--dry-run).']);
    return EXIT.done;
  }

  changedMeanwhile(): ExitCode {
    this.#say({ did: 'changed-meanwhile' }, [
      'Somebody changed an app meanwhile: it would no longer do what was said. Nothing was changed.',
      `Next: ${this.#again()}`,
    ]);
    return EXIT.no;
  }

  locked(deploymentIds: readonly string[]): void {
    const names = deploymentIds.length === 0 ? 'a deployment' : deploymentIds.join(', ');
    this.#say({ did: 'locked', deploymentIds }, [`Waiting for ${printable(names)} to end.`]);
  }

  /** The command ended before anything was sent. */
  notBegun(why: 'late' | 'left'): ExitCode {
    const words = why === 'late' ? 'The deadline passed' : 'Left';
    this.#say({ did: why, deploymentId: null }, [
      `${words} before anything was sent: nothing was changed. Next: ${this.#again()}`,
    ]);
    return EXIT.no;
  }

  begun(did: 'started' | 'attached', deploymentId: string | null): void {
    const what = did === 'started' ? 'Deployment' : 'Following deployment';
    const name = deploymentId === null ? 'accepted (its answer was lost)' : printable(deploymentId);
    this.#say({ did, deploymentId }, [`${what} ${name}.`]);
  }

  /** Says a look that differs from the one before: as text what is new in it. */
  progress({ apps, away }: AppsLook): void {
    const key = JSON.stringify([
      apps.map((app) => ({ ...app, waiting: app.waiting?.rejects })),
      away,
    ]);
    if (key === this.#said) return;
    this.#said = key;
    const lines = appProgressLines(apps, this.#work.context.paint);
    const note = away === null ? [] : [`last known, cannot be asked now: ${printable(away)}`];
    const all = [...lines, ...note];
    const before = this.#lines;
    this.#lines = new Set(all);
    this.#say(
      { did: 'progress', apps, away },
      all.filter((line) => !before.has(line)),
    );
  }

  ended(end: WatchEnd, deploymentId: string | null): ExitCode {
    this.#say({ did: end, deploymentId }, this.#endLines(end, deploymentId));
    return end === 'done' ? EXIT.done : EXIT.no;
  }

  #endLines(end: WatchEnd, deploymentId: string | null): string[] {
    const id = deploymentId ?? 'the deployment';
    const again = `Follow it again: ${this.#again()}`;
    const endIt =
      deploymentId === null
        ? []
        : [
            // A roll-back restarts nodes that were not touched, and kills running ones while others wait.
            `End it where it stands: DELETE /v2/deployments/${deploymentId}?force=true of Marathon`,
          ];
    switch (end) {
      case 'done':
        return [this.#work.context.paint.good(`✔ ${this.#group} is deployed.`)];
      case 'failed':
        return [
          `✘ ${id} ended without success: it was cancelled or replaced by a forced one.`,
          `Next: ${this.#again({ dryRun: true })} says what is missing, also where only old tasks are left`,
        ];
      case 'late':
        return [`✘ the deadline passed; ${id} goes on in Marathon.`, again, ...endIt];
      case 'left':
        return ['', `${id} goes on in Marathon.`, again, ...endIt];
    }
  }

  #again(more: DeployFlags = {}): string {
    return deployLine([this.#file], { ...this.#flags, ...more });
  }

  #say(said: Said, lines: readonly string[]): void {
    const { context, isJson } = this.#work;
    if (isJson) {
      context.print(jsonLine({ schema: JSON_SCHEMA, group: this.#group, ...said }));
      return;
    }
    context.print(...lines);
  }
}

/**
 * Which files were not begun when the one after the first `done` did not end well; empty: it was the last. They go on
 * with that one, which they may build upon. Pure.
 */
export function notBegunLines(
  groups: readonly GroupFile[],
  done: number,
  flags: DeployFlags,
): string[] {
  const left = groups.slice(done).map(({ file }) => file);
  const rest = left.slice(1);
  if (rest.length === 0) return [];
  return [
    `${done} of ${plural(groups.length, 'file')} done. Not begun: ${rest.join(', ')}`,
    `Next: ${deployLine(left, flags)}`,
  ];
}
