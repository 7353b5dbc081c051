import type { MarathonAmbiguousError } from '../../util/errors.js';
import { CarnaError } from '../../util/errors.js';

/** The look for a change whose answer was lost; when it fails as well, the error is still that of the change. */
export async function orRethrow<T>(lost: MarathonAmbiguousError, look: Promise<T>): Promise<T> {
  return look.catch((err: unknown) => {
    throw err instanceof CarnaError ? lost : err;
  });
}
