import assert from 'node:assert/strict';
import { MAX_PROCEEDING_MS } from '../../../src/lab/standin/client-transaction.js';
import { type BridgeBench } from './bridge-bench.js';

/** Everything is over: no timer, no dialog, no transaction, no channel is left. */
export function assertClean(b: BridgeBench): void {
  b.time.advance(MAX_PROCEEDING_MS);
  assert.equal(b.core.active, 0);
  assert.equal(b.uas.dialogCount, 0);
  assert.equal(b.uas.transactionCount, 0);
  assert.equal(b.time.pending, 0);
}
