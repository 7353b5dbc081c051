import type { HealthLimits } from '../topology/health.js';
import { DEFAULT_HEALTH_LIMITS } from '../topology/health.js';
import type { LoadLimits } from '../topology/load.js';
import { DEFAULT_LOAD_LIMITS } from '../topology/load.js';
import type { QuarantineLimits } from '../topology/quarantine.js';
import { DEFAULT_QUARANTINE_LIMITS } from '../topology/quarantine.js';
import type { BackoffLimits } from '../util/backoff.js';

export interface ProbeTiming {
  /** One probe of all signals. */
  readonly deadlineMs: number;
  /** From one probe to the next of a node that is up; up to a tenth less by chance. */
  readonly intervalMs: number;
  /** Between probes of one that is to come up soon. */
  readonly fastMs: number;
  /** Deadline of those: a UDP probe sent before the server listens is lost, and must not be waited for. */
  readonly fastDeadlineMs: number;
  /** How long "soon" is, from its start or fall. */
  readonly fastForMs: number;
  readonly limits: HealthLimits;
}

export interface RestartTiming {
  readonly backoff: BackoffLimits;
  /** A server that was up for so long begins with the shortest pause again. */
  readonly stableMs: number;
  /** The loop is a crash loop when within `windowMs` so many lives ended without ever being up, or at all. */
  readonly windowMs: number;
  readonly maxNeverUp: number;
  readonly maxEnds: number;
}

export interface DrainTiming {
  /** How long to wait until every consumer has proven a list without the node. */
  readonly acknowledgeMs: number;
  /** How long calls may take to end when nobody set another deadline. */
  readonly deadlineMs: number;
  readonly pollMs: number;
}

export interface StopTiming {
  /** SIGTERM to SIGKILL; FreeSWITCH needs about 5 s when it has to hang up calls. */
  readonly termMs: number;
  /** How long a goodbye may take to reach the registry. */
  readonly goodbyeMs: number;
}

export interface AgentTiming {
  readonly probe: ProbeTiming;
  readonly load: LoadLimits;
  readonly flap: QuarantineLimits;
  readonly restart: RestartTiming;
  readonly drain: DrainTiming;
  readonly stop: StopTiming;
}

export const DEFAULT_AGENT_TIMING: AgentTiming = {
  probe: {
    // Below the interval: three failures in a row are found within three intervals and a second.
    deadlineMs: 800,
    intervalMs: 1_000,
    fastMs: 50,
    fastDeadlineMs: 200,
    fastForMs: 30_000,
    limits: DEFAULT_HEALTH_LIMITS,
  },
  load: DEFAULT_LOAD_LIMITS,
  flap: DEFAULT_QUARANTINE_LIMITS,
  restart: {
    backoff: { minMs: 100, maxMs: 10_000 },
    stableMs: 10_000,
    windowMs: 300_000,
    maxNeverUp: 6,
    maxEnds: 60,
  },
  drain: { acknowledgeMs: 10_000, deadlineMs: 600_000, pollMs: 1_000 },
  stop: { termMs: 10_000, goodbyeMs: 2_000 },
};
