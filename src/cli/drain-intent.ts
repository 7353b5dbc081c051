import type { IntentChange } from '../registry/intents.js';
import type { IntentRecord } from '../topology/node.js';
import { operatorName } from './consent.js';
import type { Context } from './context.js';
import { isSameIntent } from './own-drains.js';
import { printable } from './render/colour.js';
import { formatAge, formatDuration } from './render/units.js';

/** What `carna drain` is told of one node or of a host. */
export interface DrainOptions {
  readonly why?: string;
  readonly by?: string;
  /** In ms from now. */
  readonly deadline?: number;
  readonly now?: true;
  readonly wait?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly json?: true;
}

/** Whether the options say something new to a node that drains already. Pure. */
export function changesIntent(options: DrainOptions): boolean {
  return options.now === true || options.deadline !== undefined || options.why !== undefined;
}

/** What is not said again stays as it was: `--now` alone keeps who, why and since. */
export function newIntent(
  context: Context,
  nodeId: string,
  options: DrainOptions,
  present: Pick<IntentRecord, 'want'> & Partial<IntentRecord>,
): IntentRecord {
  const nowMs = context.clock.wallMs();
  return {
    schema: 1,
    nodeId,
    want: present.want,
    by: options.by ?? present.by ?? operatorName(context),
    why: options.why ?? present.why ?? '',
    since: present.since ?? nowMs,
    deadline:
      options.deadline === undefined ? (present.deadline ?? null) : nowMs + options.deadline,
    now: options.now === true || present.now === true,
  };
}

/** `fresh` where nobody asked for a drain; what somebody else asks, whenever he did, is only told what is new. */
export function changeTo(
  context: Context,
  options: DrainOptions,
  fresh: IntentRecord,
): IntentChange {
  return (present) => {
    if (present === null || isSameIntent(present, fresh)) return fresh;
    return changesIntent(options) ? newIntent(context, fresh.nodeId, options, present) : present;
  };
}

/** That, when and why a drain was asked for before. */
export function alreadyText(
  { nodeId, by, why, since, deadline }: IntentRecord,
  nowMs: number,
): string {
  const left = deadline === null ? '' : `, deadline in ${formatDuration(deadline - nowMs)}`;
  const reason = why === '' ? '' : `: ${why}`;
  const asked = formatAge(nowMs - since);
  return `${nodeId}: drain was asked ${asked} by ${printable(by)}${printable(reason)}${left}. Undo: carna undrain ${nodeId}`;
}
