/** One place in a compiled file. */
export interface Edit {
  /** Below `dist/src`. */
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** One safeguard of the product taken out: a place in a compiled file, and the tests that must notice. */
export interface Mutant extends Edit {
  /** Lower case with dashes; what `ONLY=` takes. */
  readonly name: string;
  /** What is switched off, for people. */
  readonly off: string;
  /** A safeguard that stands at two places is taken out at both. */
  readonly also?: readonly Edit[];
  /** Compiled test files below `dist/test`, the quickest first; the first that fails has killed it. */
  readonly tests: readonly string[];
}

/** The text with the safeguard taken out. Throws RangeError when the place is not there exactly once. Pure. */
export function mutate(text: string, { file, find, replace }: Edit): string {
  const at = text.indexOf(find);
  if (at === -1) throw new RangeError(`a mutant's place is gone from ${file}: ${find}`);
  if (text.includes(find, at + 1)) {
    throw new RangeError(`a mutant's place stands twice in ${file}: ${find}`);
  }
  return text.slice(0, at) + replace + text.slice(at + find.length);
}

/** The name of the first failed test in TAP output; null when none is named. Pure. */
export function firstFailure(tap: string): string | null {
  const failed = [...tap.matchAll(/^(\s*)not ok \d+ - (.+)$/gm)];
  // A suite is named after its own tests: the deepest line is the test itself.
  const deepest = failed.sort((a, b) => (b[1] ?? '').length - (a[1] ?? '').length)[0];
  return deepest?.[2]?.replace(/ # .*$/, '') ?? null;
}
