import type { Context } from '../context.js';
export interface BenchCliOptions {
  readonly kills: number;
  readonly jsonFile?: string;
  readonly quick?: true;
}
export async function benchCommand(_c: Context, _o: BenchCliOptions): Promise<void> {}
