import type { TableHead } from '../../src/store/dispatcher-table.js';
import type { Rows } from './postgres-rows.js';

/** What a transaction found, so that it can be lost again. */
export interface Before {
  readonly atMs: number;
  readonly rows: Rows;
  readonly generation: number;
  readonly epoch: number;
  readonly head: Pick<TableHead, 'committedAtMs' | 'setHashes'>;
  readonly changes: number;
  readonly losses: number;
  readonly usedOverrides: ReadonlyMap<number, number>;
}
