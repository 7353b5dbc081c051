import type { DrainProgress } from '../../../src/agent/drain-progress.js';
import { AgentBench } from './agent-bench.js';

export function progress(bench: AgentBench): DrainProgress | null {
  return bench.agent.health().drain;
}

/** An agent that is up, with calls on its server and one consumer that lists it. */
export async function busy(calls = 3): Promise<AgentBench> {
  const bench = await new AgentBench().up();
  bench.runtime.server.left = { count: calls, text: `${calls} calls` };
  bench.view.acknowledge('d1', 'dispatcher', 1);
  return bench;
}
