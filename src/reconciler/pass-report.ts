import type { Logger } from 'pino';
import type { PassPlan } from '../topology/plan-pass.js';
import { witnessReport } from '../topology/witnessed.js';
import type { PassResult } from './pass-result.js';
import type { ReconcilerStatus } from './status.js';

/** What a pass found, as it stands in the status. Pure. */
export function passStatus(plan: PassPlan, result: PassResult): Partial<ReconcilerStatus> {
  const { held, refused, conflicts, foreign, silent } = plan;
  const { generation, found } = result;
  const witnessed = witnessReport(found) ?? null;
  return { generation, held, refused, conflicts, foreign, silent, witnessed };
}

/** Each change of a fact is told once, not each pass. */
export function reportPass(
  log: Pick<Logger, 'info' | 'warn'>,
  before: ReconcilerStatus,
  plan: PassPlan,
  result: PassResult,
): void {
  if (result.rowsChanged > 0) {
    const { generation, rowsChanged: changes } = result;
    const traces = plan.audit.map((change) => change.traceId);
    log.info({ generation, changes, traces }, 'dispatcher table reconciled');
  }
  const facts = [
    ['held', 'a guard holds changes back'],
    ['refused', 'rows refused'],
    ['conflicts', 'two nodes claim one address'],
    ['foreign', 'a row of somebody else stands where a node should'],
  ] as const;
  for (const [name, message] of facts) {
    if (plan[name].length > 0 && JSON.stringify(plan[name]) !== JSON.stringify(before[name])) {
      log.warn({ [name]: plan[name] }, message);
    }
  }
}
