import type { MarathonClient } from '../../marathon/client/marathon-client.js';
import type { DrainLimits } from '../../topology/drain-check.js';
import { backoffMs } from '../../util/backoff.js';
import type { Context } from '../context.js';
import type { OperatorData } from '../operator-data.js';
import type { Teller } from './teller.js';

/** What scaling asks of Marathon. */
export type ScaleMarathon = Pick<
  MarathonClient,
  'readApp' | 'readQueue' | 'raiseApp' | 'killAndScale' | 'cancelDeployment'
>;

/** What scaling asks of the platform. */
export type ScaleData = Pick<
  OperatorData,
  'readTopology' | 'readTable' | 'readAgentHealth' | 'changeIntent' | 'removeIntent'
>;

/** What all steps of one command share. */
export interface ScaleRun {
  readonly context: Context;
  readonly data: ScaleData;
  readonly marathon: ScaleMarathon;
  readonly teller: Teller;
  /** For all waiting but that for calls to end. */
  readonly timeoutMs: number;
  readonly limits: DrainLimits;
  readonly isForced: boolean;
}

/** From one look at the world to the next. */
const LOOK_EVERY_MS = 1_000;
/** The longest pause after changes that were not taken. */
const MAX_PAUSE_MS = 10_000;

/** The pause until the next look; longer after each change that was not taken. Pure. */
export function pauseMs(refusals: number): number {
  return backoffMs(refusals, { minMs: LOOK_EVERY_MS, maxMs: MAX_PAUSE_MS }, () => 1);
}

/** A change that was begun is not cut by Ctrl-C: its own deadline holds. */
export const uncut: AbortSignal = new AbortController().signal;
