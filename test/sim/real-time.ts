/** Taken before the globals are replaced (clock.ts): all of real time that a simulation uses. */
export const realSetImmediate: (work: () => void) => void = setImmediate;
