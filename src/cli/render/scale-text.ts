import type { Member } from '../../marathon/scale/member.js';
import type { ViewState } from '../../topology/view.js';
import { printable } from './colour.js';
import type { Painter } from './colour.js';
import { stateMark } from './state-mark.js';
import { formatDuration, plural } from './units.js';

/** Who goes: one line each. */
export function victimLines(victims: readonly Member[], paint: Painter): string[] {
  return victims.map((victim) => {
    const { nodeId, host, calls, intent } = victim;
    const carries = calls === null ? 'calls unknown' : plural(calls, 'call');
    const asked = intent === null ? '' : `, drain asked by ${printable(intent.by)} already`;
    return `  ${stateMark(stateOf(victim), paint)}  ${nodeId}  on ${printable(host)}  ${carries}${asked}`;
  });
}

/** "media 3 → 2: 1 node goes, the one with the fewest calls". */
export function headline(name: string, before: number, after: number): string {
  const count = before - after;
  return `${name} ${before} → ${after}: ${plural(count, 'node')} ${count === 1 ? 'goes' : 'go'}.`;
}

/** What happens to the calls on them. */
export function callsWarning(victims: readonly Member[], deadlineMs: number | undefined): string {
  const them = callsOn(victims);
  if (deadlineMs === undefined) {
    return `They take no new calls; ${them} may go on until the agents' own deadline, then the tasks are killed in one call.`;
  }
  return `They take no new calls; ${them} may go on for ${formatDuration(deadlineMs)}; what is left then is LOST when the tasks are killed.`;
}

/** "the 12 calls on them". */
export function callsOn(victims: readonly Member[]): string {
  const unknown = victims.filter((v) => v.calls === null && v.record?.state === 'up').length;
  const known = victims.reduce((sum, { calls }) => sum + (calls ?? 0), 0);
  if (unknown === victims.length) return 'the calls on them';
  const more = unknown === 0 ? '' : ` (and those of ${plural(unknown, 'node')} that does not say)`;
  return `the ${plural(known, 'call')} on them${more}`;
}

function stateOf({ record, intent }: Member): ViewState {
  if (record === null) return 'silent';
  return intent !== null && record.state === 'up' ? 'draining' : record.state;
}
