import { LabError } from '../../util/errors.js';
import type { LabAddress } from '../plan.js';

const TIMEOUT_MS = 2_000;

/** The sum of all samples of one metric of a daemon's `/metrics`; 0 when it has none yet. Throws LabError when it does not answer. */
export async function readMetric(http: LabAddress, name: string): Promise<number> {
  const url = `http://${http.host}:${http.port}/metrics`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return sumOf(await answer.text(), name);
  } catch (err) {
    throw new LabError(`${url} does not answer`, { cause: err });
  }
}

/** The same from the text of `/metrics`. Pure. */
export function sumOf(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
