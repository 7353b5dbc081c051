/** One safeguard of the product taken out: a place in a compiled file, and the tests that must notice. */
export interface Mutant {
  /** Lower case with dashes; what `ONLY=` takes. */
  readonly name: string;
  /** What is switched off, for people. */
  readonly off: string;
  /** Below `dist/src`. */
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Compiled test files below `dist/test`, the quickest first; the first that fails has killed it. */
  readonly tests: readonly string[];
}

/** The text with the safeguard taken out. Throws RangeError when the place is not there exactly once. Pure. */
export function mutate(text: string, mutant: Mutant): string {
  const at = text.indexOf(mutant.find);
  if (at === -1) throw new RangeError(`${mutant.name}: its place is gone from ${mutant.file}`);
  if (text.includes(mutant.find, at + 1)) {
    throw new RangeError(`${mutant.name}: its place stands twice in ${mutant.file}`);
  }
  return text.slice(0, at) + mutant.replace + text.slice(at + mutant.find.length);
}

/** The name of the first failed test in TAP output; null when none is named. Pure. */
export function firstFailure(tap: string): string | null {
  const failed = [...tap.matchAll(/^(\s*)not ok \d+ - (.+)$/gm)];
  // A suite is named after its own tests: the deepest line is the test itself.
  const deepest = failed.sort((a, b) => (b[1] ?? '').length - (a[1] ?? '').length)[0];
  return deepest?.[2]?.replace(/ # .*$/, '') ?? null;
}
