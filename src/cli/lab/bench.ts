import type { Context } from '../context.js';
export interface BenchCliOptions { readonly x?: 1 }
export async function benchCommand(_c: Context, _o?: unknown): Promise<void> {}
