/**
 * The beginning of a text, at most `maxChars` UTF-16 units, never with half a character: PostgreSQL refuses the JSON of
 * one. A half that stood in the text becomes U+FFFD. Pure.
 */
export function cutText(text: string, maxChars: number): string {
  const endsInside = (text.codePointAt(maxChars - 1) ?? 0) > 0xffff;
  return text.slice(0, endsInside ? maxChars - 1 : maxChars).replace(/\p{Cs}/gu, '\ufffd');
}

/** The same as one line, as records take it: a control character becomes a space. Pure. */
export function cutLine(text: string, maxChars: number): string {
  return cutText(text, maxChars).replace(/\p{Cc}/gu, ' ');
}
