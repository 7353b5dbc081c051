import type { Started } from '../../marathon/client/answers.js';
import { findStale } from '../../marathon/client/kill-verdict.js';
import type { Member } from '../../marathon/scale/member.js';
import { MarathonAmbiguousError, messageOf } from '../../util/errors.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { undoText } from '../own-drains.js';
import { formatDuration, plural } from '../render/units.js';
import { remainsOf } from './leftovers.js';
import type { Picture } from './picture.js';
import { tryPicture } from './picture.js';
import type { InPlan } from './plan-in.js';
import type { ScaleRun } from './run.js';
import { pauseMs } from './run.js';
import { lockText } from './scale-out.js';
import { goOnText } from './take-back.js';

/** A kill whose answer was lost is looked for so long. */
const DOUBT_MS = 15_000;

/** Looks, after a kill, until task, znode and row of every victim are gone and the number is the one asked for. */
export class KillCheck {
  readonly #run: ScaleRun;
  readonly #plan: InPlan;
  /** Null: nobody has to kill them any more. */
  readonly #sent: Started | MarathonAmbiguousError | null;
  readonly #cut: number;
  readonly #beganMs: number;
  #left: readonly string[] = ['nothing was seen yet'];

  constructor(
    run: ScaleRun,
    plan: InPlan,
    sent: Started | MarathonAmbiguousError | null,
    cut: number,
  ) {
    this.#run = run;
    this.#plan = plan;
    this.#sent = sent;
    this.#cut = cut;
    this.#beganMs = run.context.clock.monoMs();
    if (sent instanceof MarathonAmbiguousError) {
      run.teller.step(plan.subject, 'away', `${messageOf(sent)}; looking what it did`);
    }
  }

  /** EXIT.done when nothing of them is left; EXIT.no at the deadline, after Ctrl-C, or when calls were cut. */
  async run(stop: AbortSignal): Promise<ExitCode> {
    const { context, timeoutMs } = this.#run;
    const only = new Set(this.#plan.victims.map(({ nodeId }) => nodeId));
    while (!stop.aborted) {
      const picture = await tryPicture(this.#run, this.#plan.subject, stop, only);
      const ageMs = context.clock.monoMs() - this.#beganMs;
      if (picture !== null) {
        this.#left = await this.#look(picture);
        if (this.#left.length === 0) return this.#done(picture);
        if (this.#isUndone(picture, ageMs)) return this.#doubtful();
      }
      if (ageMs >= timeoutMs) return this.#late();
      await context.wait(pauseMs(0), stop);
    }
    return this.#interrupted();
  }

  /** What is left of all victims; whoever is gone altogether is told, and the drain of it forgotten. */
  async #look(picture: Picture): Promise<readonly string[]> {
    const { teller } = this.#run;
    const { subject, victims } = this.#plan;
    const left: string[] = [];
    for (const { nodeId, taskId } of victims) {
      const remains = remainsOf(nodeId, taskId, picture);
      if (remains.length > 0) {
        left.push(`${nodeId}: ${remains.join(', ')}`);
        teller.step(subject, 'leaving', `${nodeId}: ${remains.join(', ')}`, { nodeId });
      } else {
        if (picture.topology.intents.has(nodeId)) await this.#run.data.removeIntent(nodeId);
        teller.step(subject, 'gone', `${nodeId}: task, znode and row are gone`, { nodeId });
      }
    }
    for (const { id, now } of findStale(picture.app, this.#plan.goal.victims)?.relaunched ?? []) {
      left.push(`${id} was relaunched as ${now}`);
    }
    const ids = picture.app?.deploymentIds.filter((id) => this.#isOurs(id)) ?? [];
    if (ids.length > 0 && this.#plan.waiting === 0) left.push(`${lockText(ids)} is under way`);
    return left;
  }

  #isOurs(id: string): boolean {
    return this.#sent !== null && 'deploymentId' in this.#sent && this.#sent.deploymentId === id;
  }

  /** The lost kill has left no trace. */
  #isUndone({ app, members }: Picture, ageMs: number): boolean {
    if (!(this.#sent instanceof MarathonAmbiguousError) || ageMs < DOUBT_MS) return false;
    const isListed = ({ taskId }: Member): boolean =>
      members.some((member) => member.taskId === taskId);
    return (
      app !== undefined &&
      app.deploymentIds.length === 0 &&
      app.instances >= this.#plan.instances &&
      this.#plan.victims.every(isListed)
    );
  }

  #done({ app, rows, members }: Picture): ExitCode {
    const { subject, victims, waiting } = this.#plan;
    const instances = app?.instances ?? 0;
    const target = this.#plan.instances - victims.length;
    const name = subject.role ?? subject.appId;
    const rowsNote =
      rows === null ? ' The table could not be read: whether its rows are gone was not seen.' : '';
    const lines = [
      `${name} has ${plural(instances, 'instance')}: ${plural(victims.length, 'node')} drained and gone.${rowsNote}`,
    ];
    if (waiting > 0) lines.push(`${members.length} of them run; the others wait for offers.`);
    const isOther = instances !== target;
    if (isOther) {
      lines.push(`${target} were to be left: somebody else changed the number meanwhile.`);
    }
    if (this.#cut > 0) {
      lines.push(`${plural(this.#cut, 'call')} outlived the deadline and went with them.`);
    }
    const isBad = isOther || this.#cut > 0;
    this.#run.teller.lines(subject, isBad ? 'failed' : 'done', lines);
    return isBad ? EXIT.no : EXIT.done;
  }

  /** A kill that comes late after all must find nobody with calls: they stay draining. */
  #doubtful(): ExitCode {
    const { victims } = this.#plan;
    const nodeIds = victims.map(({ nodeId }) => nodeId);
    this.#run.teller.lines(this.#plan.subject, 'failed', [
      'Marathon did not say whether it took the kill, and nothing shows that it did. It is not sent again.',
      `Still draining, in case it comes late: ${nodeIds.join(', ')}.`,
      `Look: carna topology. ${goOnText(this.#plan)} ${undoText(nodeIds)}`,
    ]);
    return this.#sent instanceof MarathonAmbiguousError ? exitCodeOf(this.#sent) : EXIT.no;
  }

  #late(): ExitCode {
    const after = formatDuration(this.#run.timeoutMs);
    this.#run.teller.lines(this.#plan.subject, 'failed', [
      this.#sent instanceof MarathonAmbiguousError
        ? `Marathon did not say whether it took the kill; ${after} later there is still:`
        : `Killed, but ${after} later there is still:`,
      ...this.#left.map((text) => `  ${text}`),
      `Look: carna topology. ${goOnText(this.#plan)}`,
    ]);
    return EXIT.no;
  }

  #interrupted(): ExitCode {
    this.#run.teller.lines(this.#plan.subject, 'left', [
      '',
      'Left before the end: Marathon goes on killing the drained nodes. Still there:',
      ...this.#left.map((text) => `  ${text}`),
      `Look: carna topology. ${goOnText(this.#plan)}`,
    ]);
    return EXIT.no;
  }
}
