import { drainStepText } from '../render/drain-text.js';
import { formatDuration, plural } from '../render/units.js';
import type { Picture } from './picture.js';
import type { InPlan } from './plan-in.js';
import type { ScaleRun } from './run.js';
import type { Subject } from './teller.js';

/** An agent that says nothing for so long cannot tell when its node is empty. */
const UNANSWERED_MS = 60_000;
/** In one step of a drain the calls left are told at most this often. */
const CALLS_EVERY_MS = 10_000;

/** Tells how far the drains of a plan are, and when there is no hope left that they end. */
export class DrainTeller {
  readonly #run: ScaleRun;
  readonly #subject: Subject;
  readonly #cut = new Map<string, number>();
  readonly #silentSinceMs = new Map<string, number>();
  readonly #callsToldAtMs = new Map<string, number>();

  constructor(run: ScaleRun, subject: Subject) {
    this.#run = run;
    this.#subject = subject;
  }

  /** Calls that were left when the waiting for them ended, on all nodes. */
  cut(): number {
    return [...this.#cut.values()].reduce((sum, count) => sum + count, 0);
  }

  tell(plan: InPlan, picture: Picture): void {
    const nowMs = this.#run.context.clock.monoMs();
    for (const { nodeId } of plan.victims) {
      this.#noteSilence(nodeId, picture, nowMs);
      const drain = picture.drains.get(nodeId);
      if (drain === undefined || drain.step === 'cancelled' || drain.step === 'gone') continue;
      const text = drainStepText(nodeId, drain);
      if (drain.step === 'drained') {
        this.#cut.set(nodeId, drain.callsLeft ?? 0);
        this.#run.teller.step(this.#subject, 'drained', text, { nodeId });
        continue;
      }
      this.#run.teller.step(this.#subject, 'draining', text, { nodeId });
      const toldMs = this.#callsToldAtMs.get(nodeId) ?? Number.NEGATIVE_INFINITY;
      if ((drain.callsLeft ?? 0) === 0 || nowMs - toldMs < CALLS_EVERY_MS) continue;
      this.#callsToldAtMs.set(nodeId, nowMs);
      const left = `${nodeId}: ${plural(drain.callsLeft ?? 0, 'call')} left${drain.estimateMs === null ? '' : `, about ${formatDuration(drain.estimateMs)}`}`;
      // Told beside the step, so that the step is not told again after it.
      this.#run.teller.step(this.#subject, 'draining', left, { nodeId }, 'calls');
    }
  }

  #noteSilence(nodeId: string, { unanswered, topology }: Picture, nowMs: number): void {
    const isSilent = unanswered.has(nodeId) || !topology.nodes.has(nodeId);
    if (!isSilent) this.#silentSinceMs.delete(nodeId);
    else if (!this.#silentSinceMs.has(nodeId)) this.#silentSinceMs.set(nodeId, nowMs);
  }

  /** Why these will not get drained any more; null = they may. */
  whyHopeless(taskIds: readonly string[], picture: Picture): string | null {
    const nowMs = this.#run.context.clock.monoMs();
    for (const { nodeId, isUnsupervised } of picture.members.filter((m) =>
      taskIds.includes(m.taskId),
    )) {
      if (picture.drains.get(nodeId)?.step === 'overdue') {
        return `${nodeId} still drains after its deadline (carna explain ${nodeId})`;
      }
      const sinceMs = this.#silentSinceMs.get(nodeId);
      if (sinceMs !== undefined && nowMs - sinceMs >= UNANSWERED_MS) {
        const what = isUnsupervised ? 'it has no znode' : 'its agent does not answer';
        return `${nodeId}: ${what} for ${formatDuration(nowMs - sinceMs)}, nobody can tell when it is empty`;
      }
    }
    return null;
  }
}
