/** Splits `user:password` as configured; null stays null. The form was checked by the configuration. */
export function digestAuth(
  text: string | null,
): { readonly user: string; readonly password: string } | null {
  if (text === null) return null;
  const colon = text.indexOf(':');
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
