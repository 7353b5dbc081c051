const AGENTS = {
  drain: 'each media node and dispatcher is drained under calls and taken back, --rounds times',
  'drain-deadline':
    'a drain whose calls outlive its deadline: it ends in time and says what is left',
  'drain-cut':
    'SIGTERM to a media agent whose calls outlive its deadline: it ends in time and says how many it cuts',
  'sigterm-five':
    'SIGTERM five times to the agent of a media node with calls: one drain, no call lost',
  'agent-killed': 'kill -9 of the agents of a media node and a dispatcher: their servers serve on',
  'agent-frozen':
    'SIGSTOP of the agents of a media node and a dispatcher beyond their sessions: rows stay',
  'node-lost':
    'a media agent is lost for good, then its server too: the row stays as long as SIP answers',
  'frozen-workers':
    'SIGSTOP: the SIP workers of a dispatcher, then a whole media server, are found hung',
} as const;

const KAMAILIO = {
  'kamailio-killed': "kill -9 of a dispatcher's Kamailio: it is back with the right list",
  'kamailio-killed-mid-reload':
    "kill -9 of a dispatcher's Kamailio between a commit and its reload, ten times: the list is right",
  'kamailio-frozen': 'SIGSTOP of a whole dispatcher: the load-balancer routes around it',
} as const;

const RECONCILER = {
  'leader-killed': 'kill -9 of the leading reconciler: the standby takes over, no row changes',
  'leader-frozen':
    'SIGSTOP of the leading reconciler for three sessions: another leads, the old one writes nothing',
  'clock-jump': 'the clocks of the leader and of one agent jump an hour ahead and back',
  'reconcilers-restarted':
    'reconcilers, each daemon in turn, then all at once are killed and restarted: no row changes',
} as const;

const ZOOKEEPER = {
  'zookeeper-killed': 'kill -9 of ZooKeeper, back after --for seconds on its data: nothing changes',
  'zookeeper-emptied': 'ZooKeeper is wiped: everybody registers anew by itself, no row changes',
  'zookeeper-frozen': 'SIGSTOP of ZooKeeper for longer than a session lasts: no row changes',
  'ensemble-leader-killed': 'kill -9 of the leading ZooKeeper of three: nothing changes',
  'ensemble-quorum-lost': 'two ZooKeepers of three are killed for --for seconds: nothing changes',
  'ensemble-follower-frozen': 'SIGSTOP of the ZooKeeper with the most clients: they go to another',
} as const;

const POSTGRES = {
  'postgres-away': 'PostgreSQL is stopped for --for seconds: nothing changes, calls go on',
  'postgres-restarted': 'PostgreSQL is restarted three times while changes are wanted',
  'postgres-frozen': 'SIGSTOP of all PostgreSQL, longer than every time-out: nothing is lost',
  'postgres-refusing': "PostgreSQL refuses the reconciler's login: it says so and goes on later",
  'postgres-full': 'the disk under the tables of every commit is full (as root, on a small tmpfs)',
} as const;

const NETWORK = {
  'half-open': 'all packets to and from ZooKeeper are lost without a reset: no row changes',
  'half-open-postgres': 'all packets to and from PostgreSQL are lost while a drain is asked for',
  'cut-leader': 'packets of the leading reconciler to ZooKeeper are lost: another leads',
} as const;

const MASS = {
  'mass-silence':
    'kill -9 of the agents of all media nodes at once while their servers live: no row leaves',
  'datacentre-silent': 'kill -9 of all agents at once: nothing leaves, the guards stop everything',
  'burst-200': '200 nodes that no call is for come at once and go at once: few generations',
} as const;

const USERS = {
  'proxies-killed':
    'kill -9 of a dispatcher, a registrar and an outbound node in turn while users call users',
  'load-balancer-killed':
    'kill -9 of a load-balancer, back on its address: established calls can hang up',
  'dispatchers-lost': 'kill -9 of all dispatchers with their agents: established calls can hang up',
  'rolling-restart': 'every node of every role is drained and started anew while users call users',
} as const;

const DATA_CENTRES = {
  'dc-media-lost':
    'all media nodes are lost with their agents: the other data centre carries the calls until they return',
  'dc-link-cut':
    'the link between two data centres is cut for --for seconds: both go on, no row changes in either',
} as const;

/** Every drill with what it does, in the order in which `--all` runs them. Loads nothing: for help and completion. */
export const DRILL_SUMMARIES = {
  ...AGENTS,
  ...KAMAILIO,
  ...RECONCILER,
  ...ZOOKEEPER,
  ...POSTGRES,
  ...NETWORK,
  ...MASS,
  ...USERS,
  ...DATA_CENTRES,
} as const;

export type DrillName = keyof typeof DRILL_SUMMARIES;

export const DRILL_NAMES = Object.keys(DRILL_SUMMARIES) as readonly DrillName[];

/** Drills about the same part of the platform. */
export interface DrillGroup {
  readonly heading: string;
  readonly names: readonly DrillName[];
}

export const DRILL_GROUPS: readonly DrillGroup[] = Object.entries({
  'Agents and nodes': AGENTS,
  Kamailio: KAMAILIO,
  Reconciler: RECONCILER,
  ZooKeeper: ZOOKEEPER,
  PostgreSQL: POSTGRES,
  Network: NETWORK,
  'Mass events': MASS,
  'Calls of users': USERS,
  'Data centres': DATA_CENTRES,
}).map(([heading, drills]) => ({ heading, names: Object.keys(drills) as DrillName[] }));

/** Those that show much in little time: `--all --quick`, and what the tests run. */
export const QUICK_DRILLS: readonly DrillName[] = [
  'drain',
  'drain-deadline',
  'drain-cut',
  'sigterm-five',
  'agent-killed',
  'agent-frozen',
  'node-lost',
  'frozen-workers',
  'kamailio-frozen',
  'leader-frozen',
  'zookeeper-emptied',
  'ensemble-leader-killed',
  'ensemble-quorum-lost',
  'postgres-restarted',
  'postgres-refusing',
  'postgres-full',
  'half-open',
  'half-open-postgres',
  'cut-leader',
  'mass-silence',
  'burst-200',
  'proxies-killed',
  'load-balancer-killed',
  'dispatchers-lost',
  'rolling-restart',
  'dc-media-lost',
  'dc-link-cut',
];
