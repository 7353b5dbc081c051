import type { InStep } from '../../marathon/scale/in-step.js';
import { deriveInStep } from '../../marathon/scale/in-step.js';
import type { Started } from '../../marathon/client/answers.js';
import type { IntentRecord } from '../../topology/node.js';
import {
  CarnaError,
  MarathonAmbiguousError,
  MarathonRefusedError,
  messageOf,
} from '../../util/errors.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { exitCodeAfter, OWN_INTENT_MS, undoText } from '../own-drains.js';
import { formatDuration } from '../render/units.js';
import { DrainTeller } from './drain-teller.js';
import { KillCheck } from './kill-check.js';
import type { Picture } from './picture.js';
import { tryPicture } from './picture.js';
import type { InPlan } from './plan-in.js';
import type { ScaleRun } from './run.js';
import { pauseMs, uncut } from './run.js';
import { lockText, waitingForLock } from './scale-out.js';
import { goOnText, takeBack } from './take-back.js';

/** Waits until all of a plan are drained, has them killed in one call, and looks whether they are gone. */
export class ScaleIn {
  readonly #run: ScaleRun;
  readonly #plan: InPlan;
  /** The drains that this command asked for: they are taken back when nothing is killed. */
  readonly #ours: readonly IntentRecord[];
  readonly #drains: DrainTeller;
  readonly #beganMs: number;
  /** When the waiting for anything but calls has to be over; null while calls are waited for. */
  #untilMs: number | null = null;
  /** From then on something may have been killed. */
  #isSent = false;
  #refusals = 0;
  /** What it waits for, as of the last look. */
  #missing = 'nothing was seen yet';

  constructor(run: ScaleRun, plan: InPlan, ours: readonly IntentRecord[]) {
    this.#run = run;
    this.#plan = plan;
    this.#ours = ours;
    this.#drains = new DrainTeller(run, plan.subject);
    this.#beganMs = run.context.clock.monoMs();
  }

  /** EXIT.done when exactly the victims are gone. Everything that ends otherwise is told, and what stands then. */
  async run(stop: AbortSignal): Promise<ExitCode> {
    try {
      return await this.#untilKilled(stop);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      if (!this.#isSent) return await this.#giveUp(messageOf(err), exitCodeOf(err));
      this.#tellUnseen(err);
      return exitCodeOf(err);
    }
  }

  async #untilKilled(stop: AbortSignal): Promise<ExitCode> {
    const { context } = this.#run;
    const only = new Set(this.#plan.victims.map(({ nodeId }) => nodeId));
    while (!stop.aborted) {
      const picture = await tryPicture(this.#run, this.#plan.subject, stop, only);
      const code = await this.#advance(picture, stop);
      if (code !== null) return code;
      if (this.#untilMs !== null && context.clock.monoMs() >= this.#untilMs) {
        const after = formatDuration(this.#run.timeoutMs);
        const code = picture === null ? EXIT.away : EXIT.no;
        return this.#giveUp(`after ${after} still ${this.#missing}`, code);
      }
      await context.wait(pauseMs(this.#refusals), stop);
    }
    return this.#left();
  }

  async #advance(picture: Picture | null, stop: AbortSignal): Promise<ExitCode | null> {
    if (picture === null) {
      this.#startClock();
      this.#missing = 'no answer of Marathon or ZooKeeper';
      return null;
    }
    const { app, members, topology } = picture;
    const step = deriveInStep(this.#plan.goal, { app, members, isRegistryFresh: topology.isFresh });
    this.#drains.tell(this.#plan, picture);
    switch (step.kind) {
      case 'stop':
        return this.#giveUp(step.why);
      case 'drain':
        return this.#awaitIntents(step);
      case 'await-drain':
        return this.#awaitDrain(picture, step);
      case 'gone':
        return new KillCheck(this.#run, this.#plan, null, this.#drains.cut()).run(stop);
      case 'await-registry':
      case 'await-lock':
      case 'await-settled':
        this.#waitFor(step);
        return null;
      case 'cancel':
        return this.#cancel(step.deploymentIds);
      case 'kill':
        return this.#kill(step.taskIds, stop);
      default:
        return step satisfies never;
    }
  }

  /** Who takes a drain back has a reason: it is not asked for again. Until ours come back to us nobody did. */
  #awaitIntents({ taskIds }: Extract<InStep, { kind: 'drain' }>): Promise<ExitCode> | null {
    if (this.#run.context.clock.monoMs() - this.#beganMs <= OWN_INTENT_MS) return null;
    return this.#giveUp(`the drain of ${taskIds.join(', ')} was taken back by somebody`);
  }

  #awaitDrain(
    picture: Picture,
    { taskIds }: Extract<InStep, { kind: 'await-drain' }>,
  ): Promise<ExitCode> | null {
    this.#untilMs = null;
    const why = this.#drains.whyHopeless(taskIds, picture);
    return why === null ? null : this.#giveUp(why);
  }

  #waitFor(
    step: Extract<InStep, { kind: 'await-registry' | 'await-lock' | 'await-settled' }>,
  ): void {
    this.#startClock();
    const { teller } = this.#run;
    const { subject } = this.#plan;
    switch (step.kind) {
      case 'await-registry':
        this.#missing = 'ZooKeeper is away: nobody knows whether they are drained';
        return teller.step(subject, 'away', this.#missing);
      case 'await-lock':
        this.#missing = `${lockText(step.deploymentIds)} is under way`;
        return teller.step(subject, 'locked', waitingForLock(step.deploymentIds));
      case 'await-settled':
        this.#missing = `${step.running} tasks run where ${step.wanted} are wanted, so that Marathon would choose who dies`;
        return teller.step(subject, 'locked', `waiting: ${this.#missing}`);
      default:
        return step satisfies never;
    }
  }

  /** Forced: a rollback would kill running tasks before waiting ones. */
  async #cancel(deploymentIds: readonly string[]): Promise<null> {
    this.#startClock();
    const { marathon, teller } = this.#run;
    for (const id of deploymentIds) {
      this.#missing = `ending deployment ${id}`;
      try {
        const cancelled = await marathon.cancelDeployment(id, true, uncut);
        const text = `deployment ${id} ${cancelled.kind === 'unknown' ? 'is over' : 'was ended where it stood'}`;
        teller.step(this.#plan.subject, 'cancelled', text);
      } catch (err) {
        // Ending it twice does no harm: it is looked at, and tried again.
        if (!(err instanceof CarnaError) || err instanceof MarathonRefusedError) throw err;
        this.#trouble(err);
      }
    }
    return null;
  }

  async #kill(taskIds: readonly string[], stop: AbortSignal): Promise<ExitCode | null> {
    this.#startClock();
    const { marathon, teller } = this.#run;
    const { subject, goal } = this.#plan;
    try {
      const verdict = await marathon.killAndScale(goal.appId, taskIds, uncut);
      switch (verdict.kind) {
        case 'started':
        case 'unverified':
          teller.step(
            subject,
            'killed',
            `Marathon kills ${taskIds.join(', ')} (deployment ${verdict.deploymentId})${verdict.kind === 'unverified' ? `; ${verdict.why}` : ''}`,
          );
          return await this.#check(verdict, stop);
        case 'locked':
          this.#refusals++;
          this.#missing = `${lockText(verdict.deploymentIds)} is under way`;
          teller.step(subject, 'locked', waitingForLock(verdict.deploymentIds));
          return null;
        case 'stale':
          this.#missing = 'its tasks change';
          return null;
        case 'nothing-done':
          return await this.#giveUp(
            `Marathon answered 200 and did nothing: it knows none of ${taskIds.join(', ')} any more`,
          );
        default:
          return verdict satisfies never;
      }
    } catch (err) {
      if (!(err instanceof CarnaError) || err instanceof MarathonRefusedError) throw err;
      if (err instanceof MarathonAmbiguousError) return this.#check(err, stop);
      this.#trouble(err);
      return null;
    }
  }

  #check(sent: Started | MarathonAmbiguousError, stop: AbortSignal): Promise<ExitCode> {
    this.#isSent = true;
    return new KillCheck(this.#run, this.#plan, sent, this.#drains.cut()).run(stop);
  }

  #trouble(err: CarnaError): void {
    this.#refusals++;
    this.#missing = messageOf(err);
    this.#run.teller.step(this.#plan.subject, 'away', `${messageOf(err)}; looking again`);
  }

  #startClock(): void {
    this.#untilMs ??= this.#run.context.clock.monoMs() + this.#run.timeoutMs;
  }

  /** Nothing was killed: who was drained for this alone takes calls again. */
  async #giveUp(why: string, code: ExitCode = EXIT.no): Promise<ExitCode> {
    const { subject } = this.#plan;
    const stands = await takeBack(this.#run, subject, this.#ours);
    const lines = [`${why}: nothing was killed.`, ...stands.after, ...stands.open];
    this.#run.teller.lines(subject, 'failed', lines);
    return exitCodeAfter(stands, code);
  }

  #tellUnseen(err: CarnaError): void {
    this.#run.teller.lines(this.#plan.subject, 'failed', [
      `The kill was sent, what became of it could not be seen: ${messageOf(err)}.`,
      `Whoever is left of them goes on draining. ${goOnText(this.#plan)}`,
    ]);
  }

  #left(): ExitCode {
    const { subject, victims } = this.#plan;
    const nodeIds = victims.map(({ nodeId }) => nodeId);
    this.#run.teller.lines(subject, 'left', [
      '',
      `Left before the end: nothing was killed. Still draining: ${nodeIds.join(', ')}.`,
      `${goOnText(this.#plan)} ${undoText(nodeIds)}`,
    ]);
    return EXIT.no;
  }
}
