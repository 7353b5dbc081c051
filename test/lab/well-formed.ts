/** What is wrong with an XML text, or null: tags nest, attributes are quoted, one root, no bare `&`. */
export function wellFormedFault(text: string): string | null {
  const open: string[] = [];
  let roots = 0;
  let at = 0;
  const token =
    /<\?[^]*?\?>|<!--(?:(?!--)[^])*-->|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+="(?:[^"<&]|&(?:amp|lt|gt|quot|apos);)*")*)\s*(\/?)>|[^<&]+|&(?:amp|lt|gt|quot|apos);/y;
  while (at < text.length) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) return `bad markup at ${text.slice(at, at + 40)}`;
    at = token.lastIndex;
    const [whole, close, start, , isEmpty] = match;
    if (close !== undefined && open.pop() !== close) return `</${close}> closes nothing`;
    if (start !== undefined && open.length === 0) roots += 1;
    if (start !== undefined && isEmpty === '') open.push(start);
    if (close === undefined && start === undefined && !whole.startsWith('<')) {
      if (open.length === 0 && whole.trim() !== '') return 'text outside the root';
    }
  }
  if (open.length > 0) return `<${open.at(-1)}> is never closed`;
  return roots === 1 ? null : `${roots} roots`;
}
