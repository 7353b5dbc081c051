import type { LabAddress } from './plan.js';

const TIMEOUT_MS = 2_000;

/** The text that a daemon of the lab answers with, whatever the status; null when it does not answer. */
export async function askDaemon(
  http: LabAddress,
  path: '/healthz' | '/metrics',
): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`http://${http.host}:${http.port}${path}`, { signal });
    return await answer.text();
  } catch {
    return null; // Away, hung, or not up yet.
  }
}
