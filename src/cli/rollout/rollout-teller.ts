import { nameOfApp } from '../../marathon/deploy/group-apps.js';
import type { RolloutLook } from '../../marathon/rollout/rollout-look.js';
import { derivePhases } from '../../marathon/rollout/rollout-look.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { MarathonWork } from '../deploy/marathon-work.js';
import { printable } from '../render/colour.js';
import { rolloutPlanLines, taskPhaseLine, waitingText } from '../render/rollout-text.js';
import { plural } from '../render/units.js';
import type { RolloutShow } from './follow-rollout.js';
import type { RolloutPlan } from './plan-rollout.js';
import type { RolloutJson } from './rollout-json.js';

type Said = RolloutJson extends infer One
  ? One extends RolloutJson
    ? Omit<One, 'schema' | 'appId'>
    : never
  : never;

/** Between two lines that tell only that a draining node has fewer calls. */
const CALLS_EVERY_MS = 5_000;

/** Says what a rollout does, as text or as JSON. */
export class RolloutTeller implements RolloutShow {
  readonly again: string;
  readonly #work: MarathonWork;
  readonly #appId: string;
  #oldTaskIds: readonly string[] = [];
  #said = new Map<string, string>();
  #note: string | null = null;
  #callsMs = Number.NEGATIVE_INFINITY;

  /** `again`: the command line that follows the same rollout again. */
  constructor(work: MarathonWork, appId: string, again: string) {
    this.#work = work;
    this.#appId = appId;
    this.again = again;
  }

  /** From now on these tasks are the old ones. */
  watch(oldTaskIds: readonly string[]): void {
    this.#oldTaskIds = oldTaskIds;
  }

  planned(plan: RolloutPlan): void {
    const { look, pace, differences, blocks, broken, calls, graceMs } = plan;
    const { instances } = look.app;
    const facts = { instances, atOnce: pace.atOnce, isOwnPace: pace.isOwn };
    const lines = rolloutPlanLines(plan, this.#work.context.paint);
    this.say({ did: 'planned', ...facts, differences, blocks, broken, calls, graceMs }, lines);
  }

  /** Marathon holds the file's definition already; `earlier` of its tasks do not run it. */
  nothing(tasks: number, earlier: readonly string[]): ExitCode {
    const held = `${this.#appId}: nothing to do, Marathon holds that definition already.`;
    if (earlier.length === 0) {
      this.say({ did: 'nothing' }, [`${held} Without FILE its nodes are restarted.`]);
      return EXIT.done;
    }
    this.say({ did: 'unfinished', oldTaskIds: earlier }, [
      `✘ ${this.#appId}: Marathon holds that definition already, and ${earlier.length} of ${plural(tasks, 'node')} still run an earlier definition.`,
      `Next: carna rollout ${nameOfApp(this.#appId)} restarts all nodes with that definition; with another FILE they get that one.`,
    ]);
    return EXIT.no;
  }

  /** Tells each task whose phase changed, and now and then how many calls are left. */
  look(look: RolloutLook): void {
    const { context } = this.#work;
    const tasks = derivePhases(look, this.#oldTaskIds);
    const isDue = context.clock.monoMs() - this.#callsMs >= CALLS_EVERY_MS;
    const done = tasks.filter(({ phase }) => phase === 'listed').length;
    const changed = tasks.filter((task) => {
      const calls = isDue && task.phase === 'draining' ? (task.callsLeft ?? '') : '';
      const before = this.#said.get(task.taskId);
      const isNew = before?.split(' ')[0] !== task.phase;
      return isNew || (calls !== '' && before !== `${task.phase} ${calls}`);
    });
    const waiting = waitingText(look);
    if (changed.length === 0 && waiting === this.#note) return;
    for (const task of changed)
      this.#said.set(task.taskId, `${task.phase} ${task.callsLeft ?? ''}`);
    if (isDue) this.#callsMs = context.clock.monoMs();
    const note = waiting === null || waiting === this.#note ? [] : [`  … ${printable(waiting)}`];
    this.#note = waiting;
    const lines = changed.map((task) => taskPhaseLine(task, done, look.app.instances));
    this.say({ did: 'progress', tasks, waiting, away: null }, [...lines, ...note]);
  }

  away(why: string): void {
    if (this.#note === why) return;
    this.#note = why;
    const line = `  cannot be asked now, the rollout goes on in Marathon: ${printable(why)}`;
    this.say({ did: 'progress', tasks: [], waiting: null, away: why }, [line]);
  }

  /** The command ended before anything was sent. */
  notBegun(why: 'late' | 'left'): ExitCode {
    const words = why === 'late' ? 'The deadline passed' : 'Left';
    this.say({ did: why, deploymentId: null }, [
      `${words} before anything was sent: nothing was changed. Next: ${this.again}`,
    ]);
    return EXIT.no;
  }

  say(said: Said, lines: readonly string[]): void {
    const { context, isJson } = this.#work;
    const appId = this.#appId;
    if (isJson) context.print(jsonLine({ schema: JSON_SCHEMA, appId, ...said }));
    else context.print(...lines);
  }
}
