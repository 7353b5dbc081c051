import type { Command } from 'commander';
import type { IntentRecord, NodeRecord } from '../../topology/node.js';
import { parseNodeId } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { waitForUndrain } from '../drain-undo.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { OperatorData } from '../operator-data.js';
import { printable } from '../render/colour.js';
import { formatAge } from '../render/units.js';
import { printUnknownNode } from '../render/unknown-node.js';

interface Options {
  readonly wait?: true;
  readonly json?: true;
}

/** `carna undrain NODE`. */
export function registerUndrain(program: Command, context: Context): void {
  program
    .command('undrain')
    .description('take a drain back: the node gets new calls again')
    .argument('<node>', 'node id', parseNodeId)
    .option('--wait', 'until it is up and listed everywhere, at most a minute')
    .option('--json', 'one JSON object, with --wait one per step; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Safe to repeat. Calls that are on the node stay on it. Exit code 1 when neither the node nor an intent of
that name exists, or (--wait) it is not listed in time.
Examples:
  carna undrain media-1
  carna undrain media-1 --wait`,
    )
    .action(async (nodeId: string, options: Options) => {
      context.exitCode = await withOperatorData(context, (data) =>
        undrainCommand(context, data, nodeId, options),
      );
    });
}

async function undrainCommand(
  context: Context,
  data: OperatorData,
  nodeId: string,
  options: Options,
): Promise<ExitCode> {
  const { nodes, intents } = await data.readTopology();
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
  return options.wait === true && isHere
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
