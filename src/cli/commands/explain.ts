import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import { explainNode } from '../../topology/explain.js';
import type { Chain } from '../../topology/explain.js';
import type { ExplainFacts } from '../../topology/explain-facts.js';
import { parseNodeId } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { isKnownNode, knownNames, readExplainFacts } from '../explain-read.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { explainText } from '../render/explain-text.js';
import { ageSegment } from '../render/headline.js';
import { printUnknownNode } from '../render/unknown-node.js';

interface Options {
  readonly json?: true;
}

/** `carna explain NODE`. */
export function registerExplain(program: Command, context: Context): void {
  program
    .command('explain')
    .description('why a node gets calls or not: the chain from its server to its calls')
    .argument('<node>', 'node id', parseNodeId)
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Looks at process, checks, registry, intent, guard, row, live lists and calls, in this order, and ends at the
first link that is broken: what it means for calls and what to do next. ✔ holds, ✘ broken, ? could not be
seen from here (an agent answers on its own host only, unless told otherwise).
Exit code 0 when the chain is whole, 1 when it is broken or there is no such node, 3 when it is whole as far
as seen but ZooKeeper or PostgreSQL is away.
Examples:
  carna explain media-1
  carna explain media-1 --json | jq -r .fault`,
    )
    .action(async (nodeId: string, options: Options) => {
      context.exitCode = await withOperatorData(context, (data, config) =>
        explainCommand(context, data, config, nodeId, options),
      );
    });
}

async function explainCommand(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  nodeId: string,
  options: Options,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const facts = await readExplainFacts(data, topology, nodeId, () => context.clock.wallMs());
  if (!isKnownNode(facts)) {
    printUnknownNode(context, nodeId, knownNames(facts));
    return EXIT.no;
  }
  const chain = explainNode(facts);
  if (options.json === true) context.print(asJson(chain, topology, config));
  else {
    const { paint, clock } = context;
    const age = ageSegment(topology, paint, clock.wallMs());
    context.print(...explainText(chain, age, paint, facts.nowMs, context.width()));
  }
  return exitCodeOf(chain, topology, facts);
}

function exitCodeOf(chain: Chain, topology: TopologyData, facts: ExplainFacts): ExitCode {
  if (chain.broken !== null) return EXIT.no;
  return topology.isFresh && !('error' in facts.table) ? EXIT.done : EXIT.away;
}

function asJson(chain: Chain, topology: TopologyData, { cluster, dc }: CliConfig): string {
  const { asOfMs, isFresh } = topology;
  const isWhole = chain.broken === null;
  return jsonLine({ schema: JSON_SCHEMA, cluster, dc, asOfMs, isFresh, isWhole, ...chain });
}
