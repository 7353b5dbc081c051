import {
  RegistryAmbiguousError,
  RegistryNotSentError,
  RegistryRejectedError,
  RegistrySessionOverError,
} from '../util/errors.js';

export type OperationFailure = 'notSent' | 'rejected' | 'ambiguous' | 'sessionOver';

/** Operations by how they ended. */
export type OperationCount = Record<'ok' | OperationFailure, number>;

/** Which of the four ways an operation can fail `err` is; null for anything else. */
export function failureOf(err: unknown): OperationFailure | null {
  if (err instanceof RegistryNotSentError) return 'notSent';
  if (err instanceof RegistryRejectedError) return 'rejected';
  if (err instanceof RegistryAmbiguousError) return 'ambiguous';
  if (err instanceof RegistrySessionOverError) return 'sessionOver';
  return null;
}
