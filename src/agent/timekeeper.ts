import { systemClock } from '../util/clock.js';
import { Doorbell } from '../util/doorbell.js';
import { wait } from '../util/wait.js';
import type { Timekeeper } from './ports.js';

/** The machine's own time and chance. */
export const systemTimekeeper: Timekeeper = {
  wallMs: () => systemClock.wallMs(),
  monoMs: () => systemClock.monoMs(),
  random: () => Math.random(),
  wait,
  newBell: () => new Doorbell(),
};
