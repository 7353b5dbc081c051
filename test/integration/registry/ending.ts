import type { CarnaError } from '../../../src/util/errors.js';

/** The name of the error that `work` rejects with, and its ZooKeeper code if any; 'ok' when it does not. */
export async function ending(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (err) {
    const { code, zkCode } = err as CarnaError & { zkCode?: string };
    return zkCode === undefined ? code : `${code} ${zkCode}`;
  }
}
