import { DeadlineError, InvalidInputError, ServerUnavailableError } from '../util/errors.js';
import type { AgentReport } from '../topology/explain-facts.js';
import { parseAgentReport } from './explain-report-codec.js';
import { parseAgentHealth, parseAgentLive } from './agent-health-codec.js';
import type { AgentHealth, AgentLive } from './agent-health-codec.js';

/** The part of the global `fetch` that is used here. */
export type Fetch = (
  url: string,
  options: { readonly signal: AbortSignal; readonly redirect: 'error' },
) => Promise<{ readonly status: number; text(): Promise<string> }>;

/** A live list of 10,000 destinations has about 1.5 MB. */
const MAX_BODY_CHARS = 16_000_000;

/**
 * Asks an agent (`host:port`) how it and its server are. An agent that answers 503 is ill, not away:
 * its answer counts.
 *
 * Throws DeadlineError, ServerUnavailableError or InvalidInputError.
 */
export async function readAgentHealth(
  fetch: Fetch,
  httpAddress: string,
  timeoutMs: number,
): Promise<AgentHealth> {
  const url = `http://${httpAddress}/healthz`;
  return parseAgentHealth(url, await readJson(fetch, url, [200, 503], timeoutMs));
}

/** Asks an agent for all that it knows of its server. Throws as readAgentHealth does. */
export async function readAgentReport(
  fetch: Fetch,
  httpAddress: string,
  timeoutMs: number,
): Promise<AgentReport> {
  const url = `http://${httpAddress}/healthz`;
  return parseAgentReport(url, await readJson(fetch, url, [200, 503], timeoutMs));
}

/** Asks an agent beside a Kamailio for the list that it runs. Throws as readAgentHealth does. */
export async function readAgentLive(
  fetch: Fetch,
  httpAddress: string,
  timeoutMs: number,
): Promise<AgentLive> {
  const url = `http://${httpAddress}/live`;
  return parseAgentLive(url, await readJson(fetch, url, [200], timeoutMs));
}

async function readJson(
  fetch: Fetch,
  url: string,
  good: readonly number[],
  timeoutMs: number,
): Promise<unknown> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const answer = await fetch(url, { signal: abort.signal, redirect: 'error' });
    const text = await answer.text();
    if (!good.includes(answer.status)) {
      throw new ServerUnavailableError(`${url}: expected HTTP 200, found ${answer.status}`);
    }
    if (text.length > MAX_BODY_CHARS) throw new InvalidInputError(url, 'the answer is too large');
    return parseJson(url, text);
  } catch (err) {
    if (abort.signal.aborted) throw new DeadlineError(url, timeoutMs);
    if (err instanceof ServerUnavailableError || err instanceof InvalidInputError) throw err;
    throw new ServerUnavailableError(`${url}: no answer`, { cause: rootCause(err) });
  } finally {
    clearTimeout(timer);
  }
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(url, 'expected JSON', { cause });
  }
}

/** fetch says "fetch failed"; what happened stands in its cause. */
function rootCause(err: unknown): unknown {
  return err instanceof Error && err.cause !== undefined ? err.cause : err;
}
