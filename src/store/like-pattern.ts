/** What operators type to choose names: `*` is any text, `?` one character. */
export interface NamePattern {
  readonly user: string;
  readonly domain: string;
}

/** The same as patterns of SQL's LIKE; what means something to LIKE alone is taken literally. Pure. */
export function likePattern({ user, domain }: NamePattern): NamePattern {
  return { user: likeOf(user), domain: likeOf(domain) };
}

function likeOf(glob: string): string {
  return glob
    .replace(/[\\%_]/g, (char) => `\\${char}`)
    .replaceAll('*', '%')
    .replaceAll('?', '_');
}
