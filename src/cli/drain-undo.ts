import type { IntentRecord } from '../topology/node.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import type { Wiring } from '../topology/wiring.js';
import type { Context } from './context.js';
import { countProofs } from './drain-progress.js';
import type { Proofs } from './drain-progress.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import type { UndrainProgressJson } from './json-shapes.js';
import { JSON_SCHEMA, jsonLine } from './json-shapes.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { untilInterrupted } from './process-like.js';
import { formatDuration, plural } from './render/units.js';

/** A drain that was taken back as `undrain --wait` sees it. */
export type UndrainProgress = Pick<UndrainProgressJson, 'step'> &
  Proofs & {
    /** Why it cannot take calls yet, in its agent's words; null when it is up or still draining. */
    readonly reason: string | null;
  };

const LOOK_EVERY_MS = 250;

/** Who has to start, or to be checked, needs seconds; whoever takes longer has another trouble. */
const UNDRAIN_LIMIT_MS = 60_000;

/**
 * Tells how far a node is on its way back, from one reading of the registry. A reading may be older than
 * the removal of the intent: one that began when `takenBack` did is that one, not a new drain. Pure.
 */
export function deriveUndrainProgress(
  nodeId: string,
  data: Pick<TopologyData, 'nodes' | 'intents' | 'applied' | 'generation'>,
  takenBack: IntentRecord | undefined,
  wiring: Wiring,
): UndrainProgress {
  const record = data.nodes.get(nodeId)?.record;
  if (record === undefined) {
    const none = { consumers: 0, proven: 0, consumerRole: null, provenAtMs: null };
    return { step: 'gone', reason: null, ...none };
  }
  const proofs = countProofs(record, 'up', data, wiring);
  const isServing = record.state === 'up' || record.state === 'draining';
  const reason = isServing ? null : `${record.state}: ${record.reason}`;
  const intent = data.intents.get(nodeId);
  if (intent !== undefined && intent.since !== takenBack?.since) {
    return { step: 'draining-again', reason, ...proofs };
  }
  if (intent !== undefined || record.state !== 'up') return { step: 'asked', reason, ...proofs };
  return { step: proofs.proven < proofs.consumers ? 'up' : 'listed', reason, ...proofs };
}

/**
 * Waits until a node that is no longer drained is up and every Kamailio proved a list with it.
 *
 * EXIT.done then; EXIT.no when it left, was drained anew, did not come within a minute, or Ctrl-C.
 */
export async function waitForUndrain(
  context: Context,
  data: Pick<OperatorData, 'readTopology'>,
  nodeId: string,
  takenBack: IntentRecord | undefined,
  isJson: boolean,
): Promise<ExitCode> {
  const startMs = context.clock.monoMs();
  let before = '';
  return untilInterrupted(context.proc, async (stop) => {
    for (;;) {
      const progress = deriveUndrainProgress(
        nodeId,
        await data.readTopology(),
        takenBack,
        DEFAULT_WIRING,
      );
      const tookMs = context.clock.monoMs() - startMs;
      const isOver = OVER.has(progress.step);
      const line = isJson ? jsonOf(nodeId, progress) : textOf(nodeId, progress, tookMs);
      if (line !== before) context.print(line);
      before = line;
      if (isOver) return progress.step === 'listed' ? EXIT.done : EXIT.no;
      if (stop.aborted) return EXIT.no;
      if (tookMs > UNDRAIN_LIMIT_MS) {
        if (!isJson) {
          context.print(`Not listed after ${formatDuration(tookMs)}. Next: carna topology`);
        }
        return EXIT.no;
      }
      await context.wait(LOOK_EVERY_MS, stop);
    }
  });
}

const OVER: ReadonlySet<UndrainProgress['step']> = new Set(['listed', 'gone', 'draining-again']);

function jsonOf(nodeId: string, { step, proven, consumers }: UndrainProgress): string {
  return jsonLine({ schema: JSON_SCHEMA, nodeId, step, proven, consumers });
}

function textOf(nodeId: string, progress: UndrainProgress, tookMs: number): string {
  const { step, proven, consumers, consumerRole, reason } = progress;
  const on = `${proven}/${plural(consumers, consumerRole ?? 'Kamailio')}`;
  switch (step) {
    case 'asked':
      return reason === null
        ? `${nodeId}: its agent has not taken the drain back yet.`
        : `${nodeId} is not up yet (${reason}).`;
    case 'up':
      return `${nodeId} is up, on the list of ${on}.`;
    case 'listed':
      return consumers === 0
        ? `${nodeId} is up and takes new calls after ${formatDuration(tookMs)}.`
        : `${nodeId} takes new calls again after ${formatDuration(tookMs)}: on the list of ${on}.`;
    case 'gone':
      return `${nodeId} has left the platform; when it returns it takes calls.`;
    case 'draining-again':
      return `${nodeId} was asked to drain again by somebody.`;
    default:
      return step satisfies never;
  }
}
