/** Replaces user and password in every URL of a text (`scheme://user:password@host`). Pure. */
export function hideCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*(?:@[^\s/@"']*)*@/gi, '$1***@');
}
