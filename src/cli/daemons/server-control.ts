import type { Logger } from 'pino';
import type { EslPort, HeartbeatNews, KamailioRpc, OptionsPing } from '../../agent/ports.js';
import { DEFAULT_FREESWITCH, freeswitchControl } from '../../agent/servers/freeswitch.js';
import { kamailioControl } from '../../agent/servers/kamailio.js';
import type { OpenControl, RefusalMark } from '../../agent/servers/server.js';
import type { AgentConfig } from '../../config/agent.js';
import { BinrpcClient } from '../../protocols/binrpc/client.js';
import * as dispatcher from '../../protocols/binrpc/dispatcher-rpc.js';
import * as kamailio from '../../protocols/binrpc/kamailio-rpc.js';
import * as freeswitch from '../../protocols/esl/freeswitch-commands.js';
import { parseHeartbeat } from '../../protocols/esl/heartbeat-codec.js';
import type { EslEvent, EslSession } from '../../protocols/esl/session.js';
import { openEslSession } from '../../protocols/esl/session.js';
import { pingOptions } from '../../protocols/sip/options-ping.js';
import { systemClock } from '../../util/clock.js';
import { InvalidInputError } from '../../util/errors.js';

/** How the agent speaks with its SIP server: the protocols behind the agent's narrow ports. */
export interface ServerLink {
  readonly openControl: OpenControl;
  /** Null beside a server that is no Kamailio. */
  readonly rpc: KamailioRpc | null;
  close(): void;
}

const monoMs = (): number => systemClock.monoMs();

/** Chooses by the configured kind; connects to nothing yet. `mark` remembers a refusal across agents. */
export function openServerLink(config: AgentConfig, log: Logger, mark: RefusalMark): ServerLink {
  const ping = optionsPing(config);
  if (config.kind === 'freeswitch') {
    const options = { ...DEFAULT_FREESWITCH, profile: config.sofiaProfile };
    const openEsl = (): Promise<EslPort> => openEslPort(config, log);
    const openControl = freeswitchControl(openEsl, ping, options, monoMs, mark);
    return { openControl, rpc: null, close: () => undefined };
  }
  const client = new BinrpcClient({
    socketPath: config.ctlSocket,
    timeoutMs: config.checkTimeoutMs,
  });
  const rpc = kamailioRpc(client);
  return {
    openControl: kamailioControl(rpc, ping, monoMs, mark),
    rpc,
    close: () => client.close(),
  };
}

function optionsPing(config: AgentConfig): OptionsPing {
  const { sipHost: host, sipPort: port } = config;
  return (timeoutMs) =>
    pingOptions({
      target: { transport: 'udp', host, port },
      timeoutMs,
      random: Math.random,
      monoMs,
    });
}

function kamailioRpc(client: BinrpcClient): KamailioRpc {
  return {
    readDispatcherList: () => dispatcher.readDispatcherList(client),
    setDispatcherState: (state, setid, destination) =>
      dispatcher.setDispatcherState(client, dispatcher.dispatcherState(state), setid, destination),
    reloadDispatcher: () => dispatcher.reloadDispatcher(client),
    readTmStats: () => kamailio.readTmStats(client),
    readUptimeSeconds: () => kamailio.readUptimeSeconds(client),
    setSharedVariable: (name, value) => kamailio.setSharedVariable(client, name, value),
    countDialogs: async () => (await kamailio.readDialogCounts(client))?.all ?? null,
    readMemory: async () => {
      const { totalKib, usedKib } = await kamailio.readSharedMemory(client);
      return { usedShare: usedKib / Math.max(1, totalKib), freeMib: (totalKib - usedKib) / 1_024 };
    },
    setDispatcherPinging: (isOn) => dispatcher.setDispatcherPinging(client, isOn),
  };
}

async function openEslPort(config: AgentConfig, log: Logger): Promise<EslPort> {
  const session = await openEslSession({
    host: config.eslHost,
    port: config.eslPort,
    password: config.eslPassword ?? '',
    log,
    timeoutMs: config.checkTimeoutMs,
  });
  return eslPortOf(session);
}

/** A session in the agent's words. */
export function eslPortOf(session: EslSession): EslPort {
  return {
    status: async () => {
      const status = await freeswitch.readStatus(session);
      return { ready: status.isReady, active: status.activeSessions, limit: status.sessionLimit };
    },
    isProfileRunning: async (name) =>
      (await freeswitch.readProfileState(session, name)) === 'RUNNING',
    isInboundPaused: () => freeswitch.readInboundPaused(session),
    isShuttingDown: () => freeswitch.readShuttingDown(session),
    countChannels: () => freeswitch.readChannelCount(session),
    coreUuid: () => Promise.resolve(session.coreUuid),
    pauseInbound: () => freeswitch.pauseInbound(session),
    resumeInbound: () => freeswitch.resumeInbound(session),
    shutdownAsap: () => freeswitch.shutdownAsap(session),
    onHeartbeat: (listener) =>
      session.onEvent('HEARTBEAT', (event) => listener(readHeartbeat(event))),
    close: () => session.close(),
    closed: session.closed,
  };
}

function readHeartbeat(event: EslEvent): HeartbeatNews {
  try {
    const { sessionsPerSecond, idleCpuPercent } = parseHeartbeat(event);
    return { kind: 'beat', ratePerSecond: sessionsPerSecond, idleCpuPercent };
  } catch (err) {
    if (!(err instanceof InvalidInputError)) throw err;
    return { kind: 'refused', why: err.message };
  }
}
