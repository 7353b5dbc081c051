import type { CliConfig } from '../config/cli.js';
import type { HostNodes } from '../topology/host-nodes.js';
import { findOnHost } from '../topology/host-nodes.js';
import type { TopologyData } from './operator-data.js';
import { UsageError } from '../util/errors.js';
import type { Context } from './context.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { askTasks } from './marathon-tasks.js';
import { printable } from './render/colour.js';

/** What a command is about: a node, or all nodes of a host. */
export type Target =
  | { readonly kind: 'node'; readonly nodeId: string }
  | { readonly kind: 'host'; readonly host: string };

/** Throws UsageError unless exactly one of both was given. */
export function oneTarget(nodeId: string | undefined, host: string | undefined): Target {
  if (nodeId !== undefined && host === undefined) return { kind: 'node', nodeId };
  if (nodeId === undefined && host !== undefined) return { kind: 'host', host };
  const found = host === undefined ? 'neither' : 'both';
  throw new UsageError(`expected a node or --host, found ${found}`);
}

/** Who stands on a host; with `isBlind` Marathon did not answer, and only SIP addresses told. */
export interface HostTarget extends HostNodes {
  readonly isBlind: boolean;
}

/** Looks who stands on a host, and says so when Marathon could not be asked. */
export async function lookAtHost(
  context: Context,
  config: CliConfig,
  { nodes }: Pick<TopologyData, 'nodes'>,
  host: string,
): Promise<HostTarget> {
  const answer = await askTasks(context, config, new AbortController().signal);
  if (answer.kind === 'failed') {
    const why = printable(answer.error);
    context.printError(
      `nodes are found by their SIP addresses alone, Marathon did not answer: ${why}`,
    );
  }
  const tasks = answer.kind === 'read' ? answer.tasks : null;
  return { ...findOnHost(nodes, tasks, host), isBlind: answer.kind === 'failed' };
}

/** Says that nobody is on a host; it may be that Marathon would have known one. */
export function printEmptyHost(
  context: Context,
  host: string,
  { others, isBlind }: HostTarget,
): ExitCode {
  context.printError(`error: no node is on ${host}`, ...othersLines(others));
  context.printError('  next: carna nodes');
  return isBlind ? EXIT.away : EXIT.no;
}

/** Tasks that have no calls to wait for, and end with the host. */
export function othersLines(others: HostNodes['others']): string[] {
  return others.map(
    ({ name, taskId }) => `Also there, with no node to drain: ${name} (${printable(taskId)}).`,
  );
}
