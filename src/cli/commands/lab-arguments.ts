import { InvalidArgumentError } from 'commander';
import { ENSEMBLE_SIZES, MAX_DCS, MAX_NODES_PER_ROLE } from '../../lab/plan.js';

/** How many nodes of a role that a lab can do without. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > MAX_NODES_PER_ROLE) {
    throw new InvalidArgumentError(`expected a whole number from 0 to ${MAX_NODES_PER_ROLE}`);
  }
  return value;
}

/** A whole number of at least one, for counts on the command line. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new InvalidArgumentError('expected a whole number from 1 to 1000000');
  }
  return value;
}

/** Two numbers with a dot, the first half of loopback addresses. */
export function loopbackPrefix(text: string): string {
  if (!/^127\.(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(text)) {
    throw new InvalidArgumentError('expected 127.N with N from 0 to 255');
  }
  return text;
}

/** How many servers a lab's ZooKeeper may have. */
export function ensemble(text: string): number {
  const size = ENSEMBLE_SIZES.find((known) => String(known) === text);
  if (size === undefined) {
    throw new InvalidArgumentError(`expected ${ENSEMBLE_SIZES.join(', ')}`);
  }
  return size;
}

/** A number that goes to a trunk. */
export function phoneNumber(text: string): string {
  if (!/^\+[1-9]\d{4,14}$/.test(text)) {
    throw new InvalidArgumentError('expected + and 5 to 15 digits, such as +4930123456');
  }
  return text;
}

/** An answer by which a trunk refuses. */
export function refusal(text: string): number {
  if (!/^[4-6]\d\d$/.test(text)) throw new InvalidArgumentError('expected 400 to 699');
  return Number(text);
}

/** How many data centres a lab may have. */
export function dataCentres(text: string): number {
  const value = Number(text);
  if (!/^\d$/.test(text) || value < 1 || value > MAX_DCS) {
    throw new InvalidArgumentError(`expected 1 to ${MAX_DCS}`);
  }
  return value;
}
