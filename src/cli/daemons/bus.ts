import type { AgentBus, BusLink, MemberAnswer } from '../../agent/bus-ports.js';
import type { StartEnv } from '../../agent/runtime/server-env.js';
import type { AgentConfig } from '../../config/agent.js';
import { BinrpcClient } from '../../protocols/binrpc/client.js';
import { readDmqNodes, removeDmqNode } from '../../protocols/binrpc/dmq-rpc.js';
import type { KdmqMessage } from '../../protocols/sip/kdmq.js';
import { activeMembers, notification, sendKdmq, syncRequest } from '../../protocols/sip/kdmq.js';
import type { Exchanged } from '../../protocols/sip/exchange.js';
import { readContactCount } from '../../protocols/sip/options-ping.js';
import type { NodesView } from '../../registry/nodes-view.js';
import type { Registry } from '../../registry/registry.js';
import { busAddress, busNodes, firstPeers } from '../../topology/bus.js';
import { systemClock } from '../../util/clock.js';
import { CarnaError } from '../../util/errors.js';

/** A question or a word to a member. */
const KDMQ_TIMEOUT_MS = 800;
/** A member sends 10,000 contacts in well under a second; its answer comes after the last. */
const SYNC_TIMEOUT_MS = 10_000;
/** A server that starts while the registry was never read is told of its peers later. */
const VIEW_WAIT_MS = 1_000;

/** The DMQ bus beside a registrar or an outbound node. */
export interface OpenBus {
  readonly bus: AgentBus;
  /** CARNA_DMQ_HOST, CARNA_DMQ_PORT and CARNA_DMQ_PEERS, as they are at this start. */
  readonly startEnv: StartEnv;
  close(): void;
}

/** Null for a role that is on no bus. */
export function openBus(config: AgentConfig, registry: Registry): OpenBus | null {
  const { role, dmqPort, sipHost } = config;
  const self = busAddress(sipHost, dmqPort);
  if ((role !== 'registrar' && role !== 'outbound') || self === null) return null;
  const nodes = registry.watchNodes();
  const client = new BinrpcClient({
    socketPath: config.ctlSocket,
    timeoutMs: config.checkTimeoutMs,
  });
  const view = {
    nodes: () => [...nodes.nodes().nodes.values()].map(({ record }) => record),
    isFresh: () => nodes.isFresh(),
    subscribe: (listener: () => void) => nodes.subscribe(listener),
  };
  return {
    bus: { view, link: busLink(client, self, config), dmqPort },
    startEnv: startEnv(config, nodes, view.nodes),
    close: () => client.close(),
  };
}

function startEnv(
  config: AgentConfig,
  nodes: NodesView,
  records: AgentBus['view']['nodes'],
): StartEnv {
  const { nodeId, dc, dmqPort, sipHost } = config;
  return async () => {
    if (records().length === 0) {
      await nodes.whenFresh(VIEW_WAIT_MS).catch((err: unknown) => {
        if (!(err instanceof CarnaError)) throw err;
      });
    }
    const peers = firstPeers(busNodes(records(), { nodeId, dc, dmqPort }));
    return {
      CARNA_DMQ_HOST: sipHost,
      CARNA_DMQ_PORT: String(dmqPort),
      // A variable that is set and empty is a mistake to Kamailio's configuration.
      ...(peers.length === 0 ? {} : { CARNA_DMQ_PEERS: peers.join(',') }),
    };
  };
}

function busLink(client: BinrpcClient, self: string, config: AgentConfig): BusLink {
  const clocks = { random: Math.random, monoMs: () => systemClock.monoMs() };
  const send = (to: string, message: KdmqMessage, timeoutMs = KDMQ_TIMEOUT_MS) =>
    sendKdmq(to, message, { localHost: plain(config.sipHost), timeoutMs, ...clocks });
  return {
    list: () => readDmqNodes(client),
    remove: (address) => removeDmqNode(client, address),
    ask: async (address) => memberAnswer(await send(address, notification(self, []))),
    // A member speaks for itself; of itself our own server hears it from the member.
    introduce: async (to, member) =>
      isDone(await send(to, notification(to === self ? member : self, [member]))),
    sync: async (donor, receiver) =>
      isDone(await send(donor, syncRequest(receiver), SYNC_TIMEOUT_MS)),
    countContacts: ({ host, port }) =>
      readContactCount({
        target: { transport: 'udp', host: plain(host), port },
        timeoutMs: config.checkTimeoutMs,
        ...clocks,
      }),
  };
}

/** Without the brackets of IPv6. */
function plain(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

function isDone(result: Exchanged): boolean {
  return result.kind === 'answered' && result.response.status === 200;
}

/** Any answer shows a living server; that of one whose DMQ does not work names nobody. */
function memberAnswer(result: Exchanged): MemberAnswer {
  if (result.kind === 'answered') return { kind: 'answers', members: activeMembers(result.body) };
  if (result.isLocal) return { kind: 'unknown' };
  return { kind: 'silent', isSure: result.isRefused };
}
