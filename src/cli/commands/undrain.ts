import type { Command } from 'commander';
import { parseNodeId } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { printUnknownNode } from '../render/unknown-node.js';

/** `carna undrain NODE`. */
export function registerUndrain(program: Command, context: Context): void {
  program
    .command('undrain')
    .description('take a drain back: the node gets new calls again')
    .argument('<node>', 'node id', parseNodeId)
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Safe to repeat. Exit code 1 when neither the node nor an intent of that name exists.
Example:
  carna undrain media-1`,
    )
    .action(async (nodeId: string, options: { readonly json?: true }) => {
      await undrainCommand(context, nodeId, options.json === true);
    });
}

async function undrainCommand(context: Context, nodeId: string, isJson: boolean): Promise<void> {
  await withOperatorData(context, async (data) => {
    const wasThere = await data.removeIntent(nodeId);
    if (!wasThere) {
      const { nodes } = await data.readTopology();
      if (!nodes.has(nodeId)) {
        printUnknownNode(context, nodeId, nodes.keys());
        context.exitCode = EXIT.no;
        return;
      }
    }
    const did = wasThere ? 'undrained' : 'nothing-to-undo';
    if (isJson) context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, did, intent: null }));
    else if (wasThere) {
      context.print(`${nodeId}: the drain is taken back, it gets new calls as soon as it is up.`);
      context.print(`See: carna timeline --node ${nodeId}`);
    } else context.print(`${nodeId} was not asked to drain: nothing to undo.`);
  });
}
