import type { CliConfig } from '../../config/cli.js';
import type { MarathonClient } from '../../marathon/client/marathon-client.js';
import type { DeploymentSource } from '../../marathon/follow-deployment.js';
import { deploymentSource } from '../../marathon/follow-deployment.js';
import { SYSTEM_MARATHON_PORTS } from '../configured-marathon.js';
import type { Context } from '../context.js';
import { ListedNodes } from '../listed-nodes.js';
import type { OperatorData } from '../operator-data.js';

/** What a command works with that changes Marathon and watches what becomes of it. */
export interface MarathonWork {
  readonly context: Context;
  readonly config: CliConfig;
  readonly data: OperatorData;
  readonly marathon: MarathonClient;
  /** Its event stream runs on real time, whatever the context's clock is. */
  readonly source: DeploymentSource;
  readonly listed: ListedNodes;
  readonly isJson: boolean;
  /** Of the whole command, on the context's monotonic clock in ms. */
  readonly endMs: number;
  /** Aborts on Ctrl-C. */
  readonly stop: AbortSignal;
}

/** Puts together what a command works with; opens no connection. Throws ConfigError without CARNA_MARATHON. */
export async function createMarathonWork(
  context: Context,
  config: CliConfig,
  data: OperatorData,
  limits: { readonly isJson: boolean; readonly deadlineMs: number; readonly stop: AbortSignal },
): Promise<MarathonWork> {
  const marathon = await context.ports.openMarathon(config);
  return {
    context,
    config,
    data,
    marathon,
    source: deploymentSource(marathon, SYSTEM_MARATHON_PORTS),
    listed: new ListedNodes(data),
    isJson: limits.isJson,
    endMs: context.clock.monoMs() + limits.deadlineMs,
    stop: limits.stop,
  };
}

/** What is left of the command's time, in ms; never negative. */
export function leftMs({ context, endMs }: Pick<MarathonWork, 'context' | 'endMs'>): number {
  return Math.max(0, endMs - context.clock.monoMs());
}
