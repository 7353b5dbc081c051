import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import { deriveRemotes } from '../../topology/remote-view.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { UsageError } from '../../util/errors.js';
import { explainNode } from '../../topology/explain.js';
import type { Chain } from '../../topology/explain.js';
import type { ExplainFacts } from '../../topology/explain-facts.js';
import { nodeIdMeant } from '../../topology/node-name.js';
import { parseNodeName } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { askTaskOf } from '../marathon-tasks.js';
import { isKnownNode, knownNames, readExplainFacts } from '../explain-read.js';
import { readLiveLists } from '../live-lists.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { explainText } from '../render/explain-text.js';
import { ageSegment } from '../render/headline.js';
import { remoteNodeText } from '../render/remote-node-text.js';
import { printUnknownNode } from '../render/unknown-node.js';

interface Options {
  readonly json?: true;
}

/** `carna explain NODE`. */
export function registerExplain(program: Command, context: Context): void {
  program
    .command('explain')
    .description('why a node gets calls or not: the chain from its server to its calls')
    .argument(
      '<node>',
      'node id, or the begin of its uuid; dc/node of another data centre',
      parseNodeName,
    )
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Looks at its Marathon task (with CARNA_MARATHON), then at process, checks, registry, intent, guard, row, live lists and calls, in this order, and ends at the
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
  node: string,
  options: Options,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  if (node.includes('/')) return explainRemote(context, data, topology, node, options);
  const nodeId = nodeIdMeant(node, [...topology.nodes.keys(), ...topology.intents.keys()]);
  const nowMs = (): number => context.clock.wallMs();
  const facts = await readExplainFacts(data, topology, nodeId, nowMs, (id, record) =>
    askTaskOf(context, config, id, record),
  );
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

/** Only the leader sees the nodes of other data centres: what is told is what stands here. */
async function explainRemote(
  context: Context,
  data: OperatorData,
  topology: TopologyData,
  name: string,
  options: Options,
): Promise<ExitCode> {
  if (options.json === true) {
    throw new UsageError(`${name} is of another data centre: carna topology --json | jq .remotes`);
  }
  const remotes = deriveRemotes(topology.generation, await data.readTable(), DEFAULT_WIRING);
  const remote = remotes.find(({ nodes }) => nodes.some((node) => node.name === name));
  if (remote === undefined) {
    printUnknownNode(
      context,
      name,
      remotes.flatMap(({ nodes }) => nodes.map((node) => node.name)),
    );
    return EXIT.no;
  }
  const { paint, clock } = context;
  const canvas = { paint, nowMs: clock.wallMs(), width: context.width() };
  const live = await readLiveLists(data, topology, remote.nodes[0]?.setid);
  context.print(...remoteNodeText(remote, name, live, canvas));
  return remote.link === 'linked' ? EXIT.done : EXIT.away;
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
