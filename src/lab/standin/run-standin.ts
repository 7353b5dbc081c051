import { systemClock, type Clock } from '../../util/clock.js';
import { wait } from '../../util/wait.js';
import type { StandinConfig } from './config.js';
import { EslServer, isLoopback } from './esl-server.js';
import { startHeartbeat } from './heartbeat.js';
import type { StandinLogger } from './logger.js';
import { MediaSwitch } from './media-switch.js';
import { SipProfile } from './sip-profile.js';
import { StopSequence, type End } from './stop-sequence.js';
import { systemTimers, TimerSet } from './timers.js';

export interface StandinSeams {
  readonly clock?: Clock;
  readonly isAllowed?: (address: string) => boolean;
  /** Called at each start when both ports are ready. */
  readonly onReady?: (parts: RunningStandin) => void;
}

export interface RunningStandin {
  readonly switch: MediaSwitch;
  readonly profile: SipProfile;
  readonly eslPort: number | null;
}

/**
 * Runs the media stand-in until `signal` aborts or a client of its Event Socket stops it; resolves to the
 * exit code, which is always 0, as FreeSWITCH's. An abort is FreeSWITCH's SIGTERM: BYE to every call,
 * then the end after `config.stop.untilExitMs` at the earliest.
 *
 * Never throws for a port that is taken: a taken SIP port leaves the Event Socket without a profile, a
 * taken Event Socket port is tried again until it is free.
 */
export async function runStandin(
  config: StandinConfig,
  log: StandinLogger,
  signal: AbortSignal,
  seams: StandinSeams = {},
): Promise<number> {
  let end: End = 'restart';
  while (end === 'restart') end = await runOnce(config, log, signal, seams);
  log.info({ end }, 'stand-in ended');
  return 0;
}

async function runOnce(
  config: StandinConfig,
  log: StandinLogger,
  signal: AbortSignal,
  seams: StandinSeams,
): Promise<End> {
  const over = new AbortController();
  const timers = new TimerSet(systemTimers);
  const core = new MediaSwitch(config, seams.clock ?? systemClock);
  const profile = new SipProfile({ config, switch: core, timers, log });
  const stop = new StopSequence({
    switch: core,
    timings: config.stop,
    wait: (ms) => wait(ms, over.signal),
    drainCalls: () => profile.drainCalls('SYSTEM_SHUTDOWN'),
    closePorts: () => {
      server.shutdown();
      profile.destroy();
    },
  });
  const server = new EslServer({
    context: {
      config,
      switch: core,
      profile,
      shutdown: stop,
      wait: (ms) => wait(ms, over.signal),
      variables: variablesOf(config, core),
    },
    timers,
    log,
    isAllowed: seams.isAllowed ?? isLoopback,
  });
  const onAbort = (): void => void stop.request('stop', false);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    await profile.start();
    const opened = server.open(over.signal);
    void opened.then(() => {
      log.info({ node: config.nodeName, sip: profile.isRunning }, 'stand-in ready');
      seams.onReady?.({ switch: core, profile, eslPort: server.port });
    });
    startHeartbeat(core, timers, config.heartbeatMs);
    const end = await stop.ended;
    over.abort();
    await opened;
    return end;
  } finally {
    signal.removeEventListener('abort', onAbort);
    over.abort();
    server.destroy();
    profile.destroy();
    timers.close();
  }
}

function variablesOf(config: StandinConfig, core: MediaSwitch): ReadonlyMap<string, string> {
  return new Map([
    ['hostname', config.hostName],
    ['local_ip_v4', config.sipHost],
    ['switchname', config.nodeName],
    ['carna_sip_host', config.sipHost],
    ['carna_sip_port', String(config.sipPort)],
    ['domain', config.sipHost],
    ['core_uuid', core.bus.coreUuid],
  ]);
}
