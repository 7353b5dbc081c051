import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import type { IntentRecord, NodeRecord } from '../../topology/node.js';
import { nodeIdMeant } from '../../topology/node-name.js';
import { parseHost, parseNodeId } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { waitForUndrain } from '../drain-undo.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { lookAtHost, oneTarget, printEmptyHost } from '../host-target.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { printable } from '../render/colour.js';
import { formatAge } from '../render/units.js';
import { printUnknownNode } from '../render/unknown-node.js';

interface Options {
  readonly host?: string;
  readonly wait?: true;
  readonly json?: true;
}

/** `carna undrain NODE` and `carna undrain --host HOST`. */
export function registerUndrain(program: Command, context: Context): void {
  program
    .command('undrain')
    .description('take a drain back: the node gets new calls again')
    .argument('[node]', 'node id, or the begin of its uuid', parseNodeId)
    .option('--host <host>', 'instead: all nodes on this host', parseHost)
    .option('--wait', 'until it is up and listed everywhere, at most a minute')
    .option('--json', 'one JSON object, with --wait one per step; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Safe to repeat. Calls that are on the node stay on it. Exit code 1 when neither the node nor an intent of
that name exists, or (--wait) it is not listed in time.
Examples:
  carna undrain media-1
  carna undrain media-1 --wait
  carna undrain --host 10.0.3.14`,
    )
    .action(async (node: string | undefined, options: Options) => {
      const target = oneTarget(node, options.host);
      context.exitCode = await withOperatorData(context, (data, config) =>
        target.kind === 'host'
          ? undrainHost(context, data, config, target.host, options)
          : undrainCommand(context, data, target.nodeId, options),
      );
    });
}

async function undrainCommand(
  context: Context,
  data: OperatorData,
  node: string,
  options: Options,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const nodeId = nodeIdMeant(node, [...topology.nodes.keys(), ...topology.intents.keys()]);
  return undrainNode(context, data, topology, nodeId, options);
}

/** Each node of the host by itself: who is taken back, or never drained, keeps nobody else. */
async function undrainHost(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  host: string,
  options: Options,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const target = await lookAtHost(context, config, topology, host);
  if (target.nodes.length === 0) return printEmptyHost(context, host, target);
  const nodeIds = target.nodes.map(({ nodeId }) => nodeId);
  for (const nodeId of nodeIds) {
    await undrainNode(context, data, topology, nodeId, { ...options, isLater: true });
  }
  if (options.wait !== true) return EXIT.done;
  const codes: ExitCode[] = [];
  for (const nodeId of nodeIds) {
    const taken = topology.intents.get(nodeId);
    codes.push(await waitForUndrain(context, data, nodeId, taken, options.json === true));
  }
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

/** With `isLater` the caller waits. */
async function undrainNode(
  context: Context,
  data: OperatorData,
  { nodes, intents }: Pick<TopologyData, 'nodes' | 'intents'>,
  nodeId: string,
  options: Options & { readonly isLater?: true },
): Promise<ExitCode> {
  const record = nodes.get(nodeId)?.record;
  const intent = intents.get(nodeId);
  const wasThere = await data.removeIntent(nodeId);
  if (!wasThere && record === undefined) {
    printUnknownNode(context, nodeId, nodes.keys());
    return EXIT.no;
  }
  const isJson = options.json === true;
  if (isJson) {
    const did = wasThere ? 'undrained' : 'nothing-to-undo';
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, did, intent: null, check: null }));
  } else if (wasThere) {
    context.print(takenBackText(nodeId, intent, context.clock.wallMs()));
    if (options.wait !== true || record === undefined) context.print(nextText(nodeId, record));
  } else context.print(`${nodeId} was not asked to drain: nothing to undo.`);
  const isHere = record !== undefined;
  return options.wait === true && options.isLater !== true && isHere
    ? waitForUndrain(context, data, nodeId, intent, isJson)
    : EXIT.done;
}

function takenBackText(nodeId: string, intent: IntentRecord | undefined, nowMs: number): string {
  if (intent === undefined) return `${nodeId}: the drain is taken back.`;
  const { by, why, since } = intent;
  const reason = why === '' ? '' : ` (${printable(why)})`;
  return `${nodeId}: the drain asked ${formatAge(nowMs - since)} by ${printable(by)}${reason} is taken back.`;
}

/** What the node does now that nobody wants it drained. */
function nextText(nodeId: string, record: NodeRecord | undefined): string {
  if (record === undefined) return 'It is not on the platform now; when it returns it takes calls.';
  if (record.state === 'up' || record.state === 'draining') {
    return `It takes new calls as soon as the lists show it. See: carna undrain ${nodeId} --wait`;
  }
  return `It is ${record.state} (${printable(record.reason)}): it takes calls when its checks succeed.`;
}
