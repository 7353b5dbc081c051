/** The candidates that resemble a word, closest first: shared beginnings and few edits count. Pure. */
export function closest(word: string, candidates: Iterable<string>, limit: number): string[] {
  return [...candidates]
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({ name }) => name);
}

/** The candidate that a word is probably meant to be: at most `maxEdits` letters away; null when there is none. Pure. */
export function nearest(
  word: string,
  candidates: Iterable<string>,
  maxEdits: number,
): string | null {
  const [best] = closest(word, candidates, 1);
  if (best === undefined) return null;
  return editDistance(word.toLowerCase(), best.toLowerCase()) <= maxEdits ? best : null;
}

/** Levenshtein distance; a text that contains the other counts as half as far. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row.push(
        Math.min((row[j - 1] ?? 0) + 1, (previous[j] ?? 0) + 1, (previous[j - 1] ?? 0) + cost),
      );
    }
    previous = row;
  }
  const distance = previous[b.length] ?? 0;
  return a !== '' && (b.includes(a) || a.includes(b)) ? distance / 2 : distance;
}
