import { postgresUrl } from './parts/postgres.js';
import { isAlive } from './parts/daemon.js';
import { LAB_DATABASE, secretFiles } from './secrets.js';
import { serverOf } from './server-pid.js';
import type { LabState } from './state.js';
import { ctlSocket } from './state.js';

/** Documented, stable shape of `carna lab status --json`. */
export interface LabStatus {
  readonly schema: 1;
  readonly runDir: string;
  /** What runs media: "freeswitch" or "stand-in". */
  readonly media: 'freeswitch' | 'stand-in';
  /** For zkCli.sh -server. */
  readonly zookeeper: string;
  /** For psql; the superuser of this private cluster. */
  readonly databaseUrl: string;
  /** Where calls go in: the load-balancers. */
  readonly nodes: readonly LabNodeStatus[];
  /** zookeeper, postgres, reconcilers. */
  readonly parts: readonly { readonly name: string; readonly pid: number | null }[];
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

/** What runs of a lab at this moment. Reads only. */
export function labStatus(state: LabState): LabStatus {
  const { plan, processes, runDir } = state;
  const pidOf = (name: string): number | null => {
    const process = processes[name];
    return process !== undefined && isAlive(process) ? process.pid : null;
  };
  return {
    schema: 1,
    runDir,
    media: state.media.kind,
    zookeeper: `${plan.zookeeper.host}:${plan.zookeeper.port}`,
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
    parts: ['zookeeper', 'postgres', ...plan.reconcilers.map((r) => r.name)].map((name) => ({
      name,
      pid: pidOf(name),
    })),
  };
}
