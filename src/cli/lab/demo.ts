import type { Context } from '../context.js';
export interface DemoCliOptions { readonly x?: 1 }
export async function demoCommand(_c: Context, _o?: unknown): Promise<void> {}
