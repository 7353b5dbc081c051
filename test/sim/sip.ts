/** The SIP servers and who can reach them: the truth that everybody else only guesses. */
export class SipWorld {
  readonly #answering = new Set<string>();
  /** `from>destination`, or `from>*`. */
  readonly #cuts = new Set<string>();
  /** Called when something changed for these destinations; null = for all. */
  onChange: (destination: string | null) => void = () => undefined;

  set(destination: string, isAnswering: boolean): void {
    if (isAnswering) this.#answering.add(destination);
    else this.#answering.delete(destination);
    this.onChange(destination);
  }

  answers(destination: string): boolean {
    return this.#answering.has(destination);
  }

  cut(from: string, destination: string, isCut: boolean): void {
    const link = `${from}>${destination}`;
    if (isCut) this.#cuts.add(link);
    else this.#cuts.delete(link);
    this.onChange(destination === '*' ? null : destination);
  }

  /** True for somebody who cannot reach it, or when anybody cannot if `from` is not given. */
  isCut(destination: string, from?: string): boolean {
    if (from === undefined) {
      return [...this.#cuts].some((l) => l.endsWith('>*') || l.endsWith(`>${destination}`));
    }
    return this.#cuts.has(`${from}>*`) || this.#cuts.has(`${from}>${destination}`);
  }

  /** What OPTIONS from there would find. */
  reaches(from: string, destination: string): boolean {
    return this.answers(destination) && !this.isCut(destination, from);
  }

  heal(): void {
    this.#cuts.clear();
    this.onChange(null);
  }
}
