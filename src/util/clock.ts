/** Time as an argument: production passes `systemClock`, tests pass what they need. */
export interface Clock {
  /** Wall clock in milliseconds since 1970 with fractions: for records that others read. */
  wallMs(): number;
  /** Monotonic milliseconds, for durations and deadlines. Never steps. */
  monoMs(): number;
}

/** The wall clock carries sub-millisecond fractions from the monotonic clock; it follows steps of the system's. */
export const systemClock: Clock = {
  wallMs: () => {
    const mono = performance.timeOrigin + performance.now();
    const wall = Date.now();
    return Math.abs(mono - wall) < 2 ? mono : wall;
  },
  monoMs: () => performance.now(),
};
