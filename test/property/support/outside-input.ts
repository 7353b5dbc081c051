import fc from 'fast-check';

/** Gives what was decoded, null when it was refused as it should be. */
export function accept<T>(decode: () => T, refusal: new (...args: never[]) => Error): T | null {
  try {
    return decode();
  } catch (err) {
    if (err instanceof refusal) return null;
    throw err;
  }
}

/** The bytes of a text. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A few bytes of `bytes` replaced, taken out or put in. */
export const mutated = (bytes: Uint8Array): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.record({ at: fc.nat(), cut: fc.nat({ max: 3 }), put: fc.uint8Array({ maxLength: 3 }) }),
      {
        maxLength: 4,
      },
    )
    .map((edits) =>
      edits.reduce((now, { at, cut, put }) => {
        const start = now.length === 0 ? 0 : at % now.length;
        return Buffer.concat([now.subarray(0, start), put, now.subarray(start + cut)]);
      }, Buffer.from(bytes)),
    );
