const FIVE_MINUTES = 5;
const MINUTE_MS = 60_000;

/** The highest value of the last five minutes, kept as one maximum per minute. */
class FiveMinutePeak {
  #minutes: { readonly minute: number; readonly peak: number }[] = [];

  note(monoMs: number, value: number): void {
    const minute = Math.floor(monoMs / MINUTE_MS);
    const last = this.#minutes.at(-1);
    if (last?.minute !== minute) this.#minutes.push({ minute, peak: value });
    else if (value > last.peak) this.#minutes[this.#minutes.length - 1] = { minute, peak: value };
    this.#minutes = this.#minutes.filter((m) => m.minute > minute - FIVE_MINUTES);
  }

  read(monoMs: number): number {
    const oldest = Math.floor(monoMs / MINUTE_MS) - FIVE_MINUTES;
    return Math.max(0, ...this.#minutes.filter((m) => m.minute > oldest).map((m) => m.peak));
  }
}

/** The counters of sessions that `status` and HEARTBEAT show. */
export class SessionStats {
  total = 0;
  peak = 0;
  ratePeak = 0;
  readonly #countPeak = new FiveMinutePeak();
  readonly #ratePeak = new FiveMinutePeak();
  #second = -1;
  #thisSecond = 0;
  #lastSecond = 0;

  /** A session began; `active` counts it already. */
  noteStart(monoMs: number, active: number): void {
    this.#roll(monoMs);
    this.total += 1;
    this.#thisSecond += 1;
    this.peak = Math.max(this.peak, active);
    this.ratePeak = Math.max(this.ratePeak, this.#thisSecond);
    this.#countPeak.note(monoMs, active);
    this.#ratePeak.note(monoMs, this.#thisSecond);
  }

  /** Sessions begun in the running second. */
  startedThisSecond(monoMs: number): number {
    this.#roll(monoMs);
    return this.#thisSecond;
  }

  /** Sessions begun in the second before. */
  lastRate(monoMs: number): number {
    this.#roll(monoMs);
    return this.#lastSecond;
  }

  peakFiveMin(monoMs: number, active: number): number {
    return Math.max(active, this.#countPeak.read(monoMs));
  }

  ratePeakFiveMin(monoMs: number): number {
    return this.#ratePeak.read(monoMs);
  }

  resetRatePeak(): void {
    this.ratePeak = 0;
  }

  #roll(monoMs: number): void {
    const second = Math.floor(monoMs / 1000);
    if (second === this.#second) return;
    this.#lastSecond = second === this.#second + 1 ? this.#thisSecond : 0;
    this.#thisSecond = 0;
    this.#second = second;
  }
}
