import { hostname } from 'node:os';
import { STANDIN_DEFAULTS, type StandinConfig } from '../../../src/lab/standin/config.js';
import type { StandinLogger } from '../../../src/lab/standin/logger.js';
import {
  runStandin,
  type RunningStandin,
  type StandinSeams,
} from '../../../src/lab/standin/run-standin.js';
import { systemClock } from '../../../src/util/clock.js';

export const quiet: StandinLogger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** As long as the recorded 127.0.0.1, so that padded texts fit byte by byte; differs between processes. */
export const HOST = `127.${1 + (process.pid % 9)}.${1 + (Math.floor(process.pid / 9) % 9)}.${1 + (Math.floor(process.pid / 81) % 9)}`;

export function testConfig(change: Partial<StandinConfig> = {}): StandinConfig {
  return {
    ...STANDIN_DEFAULTS,
    sipHost: HOST,
    sipPort: 15060,
    eslHost: HOST,
    eslPort: 18021,
    eslPassword: 'ClueCon',
    nodeName: 'media-1',
    hostName: change.hostName ?? hostname(),
    stop: { untilHangupMs: 10, untilSilentMs: 10, untilExitMs: 20, untilRestartMs: 10 },
    ...change,
  };
}

/** A stand-in as it was recorded: same names, same limits. */
export const RECORDED = {
  profileName: 'internal',
  hostName: 'media-1',
  sessionsPerSecond: 30,
} as const;

export interface Lab {
  readonly standin: RunningStandin;
  readonly config: StandinConfig;
  /** Moves the monotonic clock forward. */
  advance(ms: number): void;
  readonly code: Promise<number>;
  stop(): Promise<number>;
}

/** Runs a stand-in in this process until `stop`. */
export async function startLab(
  change: Partial<StandinConfig> = {},
  seams: StandinSeams = {},
): Promise<Lab> {
  const config = testConfig(change);
  const abort = new AbortController();
  let aheadMs = 0;
  const clock = { ...systemClock, monoMs: () => systemClock.monoMs() + aheadMs };
  let code: Promise<number> = Promise.resolve(-1);
  const standin = await new Promise<RunningStandin>((resolve) => {
    code = runStandin(config, quiet, abort.signal, { clock, ...seams, onReady: resolve });
  });
  return {
    standin,
    config,
    advance: (ms) => void (aheadMs += ms),
    code,
    stop: async () => {
      abort.abort();
      return code;
    },
  };
}
