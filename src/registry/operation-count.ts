import {
  RegistryAmbiguousError,
  RegistryNotSentError,
  RegistryRejectedError,
  RegistrySessionOverError,
} from '../util/errors.js';

/** Operations by how they ended. */
export interface OperationCount {
  ok: number;
  notSent: number;
  rejected: number;
  ambiguous: number;
  sessionOver: number;
}

/** Which of the four ways an operation can fail `err` is; null for anything else. */
export function failureOf(err: unknown): Exclude<keyof OperationCount, 'ok'> | null {
  if (err instanceof RegistryNotSentError) return 'notSent';
  if (err instanceof RegistryRejectedError) return 'rejected';
  if (err instanceof RegistryAmbiguousError) return 'ambiguous';
  if (err instanceof RegistrySessionOverError) return 'sessionOver';
  return null;
}
