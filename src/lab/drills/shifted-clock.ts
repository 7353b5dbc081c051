/**
 * Loaded into one daemon before its own code (`node --import`): from SIGUSR2 on its wall clock, and no
 * other one of the machine, is wrong by DRILL_CLOCK_SHIFT_MS; the next SIGUSR2 sets it right. Its monotonic
 * clock and its timers go on as they do when an operator or NTP sets the clock of a machine.
 */
const SystemDate = Date;
const wrongByMs = Number(process.env['DRILL_CLOCK_SHIFT_MS'] ?? '0');
let shiftMs = 0;

process.on('SIGUSR2', () => {
  shiftMs = shiftMs === 0 ? wrongByMs : 0;
});

globalThis.Date = new Proxy(SystemDate, {
  construct: (target, args: unknown[], self) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, self) as object,
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
});

function now(): number {
  return SystemDate.now() + shiftMs;
}

export {};
