import type { Logger } from 'pino';
import type { WitnessedRecord, WitnessFinding } from '../topology/node.js';
import { WITNESS_FINDINGS } from '../topology/node.js';
import type { findingChanges } from '../topology/witnessed.js';

/** One line names at most so many nodes; the count tells of the others. */
const MAX_NAMED = 20;

const BEGAN: Readonly<Record<WitnessFinding, string>> = {
  unsupervised: 'a vanished node answers SIP: its row is kept, unsupervised',
  silent: 'a vanished node does not answer SIP',
  unasked: 'a node vanished without a goodbye: it is being asked',
  disagreed: 'agent and witness disagree: a node that is up by its agent does not answer SIP',
};

const ENDED: Readonly<Record<WitnessFinding, string>> = {
  unsupervised: 'no longer unsupervised',
  silent: 'no longer vanished and silent',
  unasked: 'no longer vanished and unasked',
  disagreed: 'agent and witness no longer disagree',
};

/** Tells each finding once when it begins and once when it ends, all nodes of one pass in one line. */
export function logFindings(
  log: Pick<Logger, 'info' | 'warn'>,
  { began, ended }: ReturnType<typeof findingChanges>,
): void {
  for (const finding of WITNESS_FINDINGS) {
    const over = ended.filter((record) => record.finding === finding);
    if (over.length > 0) log.info(facts(over), ENDED[finding]);
    const fresh = began.filter((record) => record.finding === finding);
    if (fresh.length > 0) log.warn(facts(fresh), BEGAN[finding]);
  }
}

function facts(records: readonly WitnessedRecord[]): object {
  const nodes = records.slice(0, MAX_NAMED).map(({ nodeId, destination, sinceMs }) => {
    return { nodeId, destination, sinceMs };
  });
  return { count: records.length, nodes };
}
