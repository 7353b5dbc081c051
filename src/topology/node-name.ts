/** Fewer letters than these name no instance. */
export const MIN_UUID_LETTERS = 4;

/**
 * The node that is meant: the one of that id, or the only Marathon task whose instance's uuid begins with these
 * letters, four at least. Anything else is given back as it is: no other part of an id names a node,
 * since `media-1` is part of `media-12`. Pure.
 */
export function nodeIdMeant(text: string, known: Iterable<string>): string {
  const meant = nodesMeant(text, known);
  return meant.length === 1 ? (meant[0] ?? text) : text;
}

/** All nodes that could be meant; one of exactly that id is the only one. Pure. */
export function nodesMeant(text: string, known: Iterable<string>): readonly string[] {
  const all = [...new Set(known)];
  if (all.includes(text)) return [text];
  if (text.length < MIN_UUID_LETTERS || !/^[0-9a-f]+(?:-[0-9a-f]*)*$/.test(text)) return [];
  return all.filter((id) => uuidOf(id)?.startsWith(text) === true);
}

function uuidOf(taskId: string): string | undefined {
  return /\.(?:instance-|marathon-)([0-9a-f-]{36})\.[^.]+\.\d+$/.exec(taskId)?.[1];
}
