import { Argument, Option } from 'commander';
import type { Command } from 'commander';
import { BENCH_PARTS } from '../../lab/bench/parts.js';
import type { DrillName } from '../../lab/drills/names.js';
import { DRILL_NAMES } from '../../lab/drills/names.js';
import { DEFAULT_SIZE, MAX_DCS } from '../../lab/plan.js';
import type { Context } from '../context.js';
import type { BenchCliOptions } from '../lab/bench.js';
import type { DrillCliOptions } from '../lab/drill.js';
import { drillList } from '../lab/drill-list.js';
import type { UpCliOptions } from '../lab/up.js';
import { count, dataCentres, ensemble, loopbackPrefix, positive } from './lab-arguments.js';
import { registerCall } from './lab-call.js';

/** `carna lab`: the platform on one machine. Handlers are imported when they run. */
export function registerLab(program: Command, context: Context): void {
  const lab = program
    .command('lab')
    .description('the whole platform on this machine, from real parts on loopback')
    .addHelpText(
      'after',
      `
State and logs stand in one folder: CARNA_LAB_DIR, else a folder in the temporary directory.
Examples:
  carna lab up --media 4
  carna lab up --zookeepers 3
  carna lab up --dc 2 && carna lab kill dc2-media-1 && CARNA_DC=dc2 carna topology
  carna lab call --rate 50 --calls 500
  carna lab kill media-2
  carna lab status --json | jq -r .databaseUrl
  carna lab down`,
    );
  registerUp(lab, context);
  registerStatus(lab, context);
  registerCall(lab, context);
  registerFaults(lab, context);
  registerInfrastructure(lab, context);
  registerStories(lab, context);
  registerStandin(lab);
}

function registerUp(lab: Command, context: Context): void {
  lab
    .command('up')
    .description('bring it up; a lab that is up is left alone')
    .option('--load-balancers <n>', 'how many load-balancers', positive, DEFAULT_SIZE.loadBalancers)
    .option('--dispatchers <n>', 'how many dispatchers', positive, DEFAULT_SIZE.dispatchers)
    .option('--media <n>', 'how many media nodes', positive, DEFAULT_SIZE.media)
    .option('--registrars <n>', 'how many registrars', count, DEFAULT_SIZE.registrars)
    .option('--outbounds <n>', 'how many outbound nodes', count, DEFAULT_SIZE.outbounds)
    .option('--reconcilers <n>', 'how many reconcilers', positive, DEFAULT_SIZE.reconcilers)
    .option(
      '--zookeepers <n>',
      'how many ZooKeeper servers: 1, or an ensemble of 3 or 5',
      ensemble,
      1,
    )
    .option('--net <127.N>', 'first half of every address', loopbackPrefix, '127.0')
    .option(
      '--dc <n>',
      `how many data centres, at most ${MAX_DCS}: dc2 below 127.N+1, its nodes are called dc2-…`,
      dataCentres,
      1,
    )
    .option('--ping-interval <s>', "seconds between Kamailio's own OPTIONS pings", positive, 1)
    .option('--stand-in', 'the stand-in for media although FreeSWITCH is installed')
    .action(async (options: UpCliOptions) => {
      const { upCommand } = await import('../lab/up.js');
      await upCommand(context, options);
    });
  lab
    .command('down')
    .description('stop everything and leave nothing behind')
    .action(async () => {
      const { downCommand } = await import('../lab/up.js');
      await downCommand(context);
    });
}

function registerStatus(lab: Command, context: Context): void {
  lab
    .command('status')
    .description('what runs, where, under which pid')
    .option('--json', 'one JSON object; src/lab/status.ts')
    .action(async (options: { readonly json?: true }) => {
      const { statusCommand } = await import('../lab/status.js');
      await statusCommand(context, options);
    });
}

function registerFaults(lab: Command, context: Context): void {
  const faults = [
    [
      'kill',
      'kill -9 a SIP server (or with --agent its agent), zookeeper, zookeeper-N, postgres, reconciler-N',
    ],
    ['freeze', 'SIGSTOP it: it keeps its sockets and answers nothing'],
    ['thaw', 'SIGCONT it: the opposite of freeze, also of its workers'],
  ] as const;
  for (const [verb, description] of faults) {
    const command = lab
      .command(`${verb} <part>`)
      .description(description)
      .option('--agent', "the node's agent instead of its SIP server");
    if (verb === 'freeze') {
      command.addOption(
        new Option(
          '--workers',
          "only a Kamailio's UDP receivers: it lives and serves no SIP",
        ).conflicts('agent'),
      );
    }
    command.action(async (part: string, options: FaultCliOptions) => {
      const { faultCommand, freezeWorkersCommand } = await import('../lab/fault.js');
      if (options.workers === true) await freezeWorkersCommand(context, part);
      else faultCommand(context, verb, { name: part, agent: options.agent === true });
    });
  }
}

interface FaultCliOptions {
  readonly agent?: true;
  readonly workers?: true;
}

function registerInfrastructure(lab: Command, context: Context): void {
  for (const verb of ['stop', 'start'] as const) {
    lab
      .command(`${verb} <part>`)
      .description(
        verb === 'stop'
          ? 'stop zookeeper, zookeeper-N of an ensemble, or postgres; its data stays'
          : 'start what was stopped or killed: zookeeper, zookeeper-N, postgres, reconciler-N, or the agent of a node',
      )
      .action(async (part: string) => {
        const { infrastructureCommand } = await import('../lab/fault.js');
        await infrastructureCommand(context, verb, part);
      });
  }
  lab
    .command('add <role>')
    .description('one more node of a role; waits until it takes part')
    .action(async (role: string) => {
      const { addCommand } = await import('../lab/add.js');
      await addCommand(context, role);
    });
}

function registerStories(lab: Command, context: Context): void {
  lab
    .command('demo')
    .description('the story: up, calls, a killed media node, its healing, scale, drain, down')
    .action(async () => {
      const { demoCommand } = await import('../lab/demo.js');
      await demoCommand(context);
    });
  registerDrill(lab, context);
  lab
    .command('bench')
    .description('the budgets, measured, beside the platform without Carna')
    .option('--kills <n>', 'media servers killed one after the other', positive, 50)
    .option('--agents <n>', 'idle agents on this machine, at most 50', positive, 50)
    .option('--json-file <path>', 'also write the report there, unrounded')
    .option('--quick', 'a tenth of everything: shows that it works, measures little')
    .addOption(new Option('--only <part>', 'one part of it').choices(BENCH_PARTS))
    .action(async (options: BenchCliOptions) => {
      const { benchCommand } = await import('../lab/bench.js');
      await benchCommand(context, options);
    });
}

function registerDrill(lab: Command, context: Context): void {
  lab
    .command('drill')
    .description('a fault under live calls, with a verdict; without a name: the list of drills')
    .addArgument(new Argument('[name]', 'which drill').choices(DRILL_NAMES))
    .option('--all', 'all of them, one after the other; passes when each did')
    .option('--quick', 'with --all: the quick ones, with short outages; about 7 minutes')
    .option('--for <s>', 'how long a part stays away, in seconds (60; --quick: 2)', positive)
    .option('--rounds <n>', 'how often each node is drained (2; --quick: 1)', positive)
    .option('--rate <n>', 'calls a second meanwhile', positive, 20)
    .option('--users', 'users call users meanwhile, and register again and again')
    .option('--json', 'one JSON object at the end; DrillReport in src/lab/drills/report.ts')
    .addHelpText(
      'after',
      `
${drillList().join('\n')}

Drills about lost packets need root and iptables, postgres-full root, those about an ensemble --zookeepers 3.
--all names in its report what it could not do.
Exit code 1 when something did not hold, 3 when only something was lacking. Ctrl-C undoes the fault and lets
the present calls end.
Examples:
  carna lab drill drain
  carna lab drill zookeeper-killed --for 10
  carna lab drill --all --quick
  carna lab drill --all --for 10 --json`,
    )
    .action(async (name: DrillName | undefined, options: DrillCliOptions) => {
      const { drillCommand } = await import('../lab/drill.js');
      await drillCommand(context, name, options);
    });
}

function registerStandin(lab: Command): void {
  lab
    .command('stand-in', { hidden: true })
    .description('the media server of a lab without FreeSWITCH; started by its agent')
    .action(async () => {
      const { standinCommand } = await import('../lab/stand-in.js');
      await standinCommand();
    });
}
