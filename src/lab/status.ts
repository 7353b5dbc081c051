import { nestedLabs } from './data-centres.js';
import { infrastructureNames } from './infrastructure.js';
import { postgresUrl } from './parts/postgres.js';
import { isAlive } from './parts/daemon.js';
import type { ZookeeperMode } from './parts/zookeeper.js';
import { zookeeperMode } from './parts/zookeeper.js';
import { zookeeperServers } from './plan.js';
import { LAB_DATABASE, LAB_SIP_DOMAIN, secretFiles } from './secrets.js';
import { serverOf } from './server-pid.js';
import type { LabState } from './state.js';
import { ctlSocket } from './state.js';
import { LAB_USERS } from './users.js';

/** Documented, stable shape of `carna lab status --json`. */
export interface LabStatus {
  readonly schema: 1;
  /** Its data centre. */
  readonly dc: string;
  readonly runDir: string;
  /** What runs media: "freeswitch" or "stand-in". */
  readonly media: 'freeswitch' | 'stand-in';
  /** For zkCli.sh -server: all servers. */
  readonly zookeeper: string;
  readonly zookeepers: readonly LabZookeeperStatus[];
  /** For psql; the superuser of this private cluster. */
  readonly databaseUrl: string;
  /** Calls and phones go in at the load-balancers. */
  readonly nodes: readonly LabNodeStatus[];
  /** Who can register and call: phone-1@domain and so on, all with the password in that file. */
  readonly users: {
    readonly domain: string;
    readonly count: number;
    readonly passwordFile: string;
  };
  /** zookeeper (or zookeeper-1 and so on), postgres, reconcilers. */
  readonly parts: readonly { readonly name: string; readonly pid: number | null }[];
  /** The same of each further data centre (`carna lab up --dc`). */
  readonly dataCentres: readonly LabStatus[];
}

export interface LabZookeeperStatus {
  readonly name: string;
  /** host:port of its clients. */
  readonly address: string;
  readonly pid: number | null;
  /** Its part in its own words; null while it serves nobody. */
  readonly mode: ZookeeperMode;
}

export interface LabNodeStatus {
  readonly name: string;
  readonly role: string;
  readonly kind: string;
  /** host:port, UDP. */
  readonly sip: string;
  /** Kamailio's BINRPC socket, for kamcmd -s unixs:…; null for media. */
  readonly ctlSocket: string | null;
  /** FreeSWITCH's event socket as host:port; null for a Kamailio. */
  readonly esl: string | null;
  /** File with the event socket's password; null for a Kamailio. */
  readonly eslPasswordFile: string | null;
  /** The agent's HTTP server as host:port. */
  readonly http: string;
  readonly agentPid: number | null;
  readonly serverPid: number | null;
}

/** What runs of a lab at this moment. Changes nothing; asks each ZooKeeper server for its part. */
export async function labStatus(state: LabState): Promise<LabStatus> {
  const { plan, processes, runDir } = state;
  const pidOf = (name: string): number | null => {
    const process = processes[name];
    return process !== undefined && isAlive(process) ? process.pid : null;
  };
  return {
    schema: 1,
    dc: plan.site.dc,
    runDir,
    media: state.media.kind,
    zookeeper: zookeeperServers(plan),
    zookeepers: await Promise.all(
      plan.zookeepers.map(async ({ name, client }) => ({
        name,
        address: `${client.host}:${client.port}`,
        pid: pidOf(name),
        mode: pidOf(name) === null ? null : await zookeeperMode(client.host, client.port),
      })),
    ),
    databaseUrl: postgresUrl(
      { ...plan.postgres, password: state.secrets.superuserPassword },
      LAB_DATABASE,
    ),
    nodes: plan.nodes.map((node) => ({
      name: node.name,
      role: node.role,
      kind: node.kind,
      sip: `${node.sip.host}:${node.sip.port}`,
      ctlSocket: node.kind === 'kamailio' ? ctlSocket(runDir, node) : null,
      esl: node.esl === null ? null : `${node.esl.host}:${node.esl.port}`,
      eslPasswordFile: node.esl === null ? null : secretFiles(runDir).eslPassword,
      http: `${node.http.host}:${node.http.port}`,
      agentPid: pidOf(node.name),
      serverPid: serverOf(runDir, node)?.pid ?? null,
    })),
    users: {
      domain: LAB_SIP_DOMAIN,
      count: LAB_USERS,
      passwordFile: secretFiles(runDir).userPassword,
    },
    parts: [...infrastructureNames(plan), ...plan.reconcilers.map((r) => r.name)].map((name) => ({
      name,
      pid: pidOf(name),
    })),
    dataCentres: await Promise.all(nestedLabs(runDir).map(labStatus)),
  };
}
