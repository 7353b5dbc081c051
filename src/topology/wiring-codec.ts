import { z } from 'zod';
import { cutText } from '../util/cut-text.js';
import { InvalidInputError } from '../util/errors.js';
import { ROLES } from './node.js';
import { SCHEMA } from './record-codec.js';
import { REMOTE_SET_OFFSET, SELECTIONS, shippedSelection } from './wiring.js';
import type { Wiring, WiringRule } from './wiring.js';

/** A platform has a handful of rules; a document beyond this is no wiring. */
const MAX_RULES = 100;
export const MAX_WIRING_BYTES = 64 * 1024;
/** PostgreSQL's integer, with room for the sets of other data centres. */
const MAX_SETID = 2_147_483_647 - REMOTE_SET_OFFSET;
const MAX_FAULTS = 20;

const rule = z.strictObject({
  consumer: z.enum(
    ROLES.filter((role) => role !== 'media'),
    { error: (issue) => roleFault(issue.input, 'a role whose nodes are Kamailios') },
  ),
  target: z.enum(ROLES, { error: (issue) => roleFault(issue.input, 'a role') }),
  setid: z.int().min(1).max(MAX_SETID),
  selection: z.enum(SELECTIONS).optional(),
  remote: z.literal(true).optional(),
});

const document = z.strictObject({
  schema: z.literal(SCHEMA),
  rules: z.array(rule).min(1).max(MAX_RULES),
});

/**
 * Reads a wiring document: `{"schema": 1, "rules": [{"consumer", "target", "setid", "selection", "remote"}]}`. A
 * rule without `selection` has the one of the configurations as shipped; `"remote": true` gives it a second set
 * for the nodes of other data centres.
 *
 * Throws InvalidInputError naming every fault with its place: what is no JSON, unknown fields and roles,
 * rules that stand twice, one set for two roles, sets that the other data centre's would meet. Pure.
 */
export function decodeWiring(what: string, text: string): Wiring {
  if (text.length > MAX_WIRING_BYTES) {
    throw new InvalidInputError(what, `it is longer than ${MAX_WIRING_BYTES} characters`);
  }
  const result = document.safeParse(toJson(what, text));
  if (!result.success) throw faulty(what, result.error.issues.map(issueText));
  const rules = result.data.rules.map(({ selection, remote, ...one }): WiringRule => {
    const fallback = remote === undefined ? {} : { remote };
    return {
      ...one,
      ...fallback,
      selection: selection ?? shippedSelection(one.consumer, one.target),
    };
  });
  const faults = rules.flatMap((one, i) => ruleFaults(one, i, rules));
  if (faults.length > 0) throw faulty(what, faults);
  return rules;
}

/** The document of a wiring, one rule a line, as decodeWiring reads it. Pure. */
export function encodeWiring(wiring: Wiring): string[] {
  const lines = wiring.map(({ consumer, target, setid, selection, remote }, i) => {
    const comma = i === wiring.length - 1 ? '' : ',';
    return `    ${JSON.stringify({ consumer, target, setid, selection, remote })}${comma}`;
  });
  return ['{', `  "schema": ${SCHEMA},`, '  "rules": [', ...lines, '  ]', '}'];
}

function toJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(what, 'it is no JSON text', { cause });
  }
}

/** What only shows when the rules are seen together; each is told at the later of two that do not fit. */
function ruleFaults(one: WiringRule, at: number, rules: readonly WiringRule[]): string[] {
  const { consumer, target, setid } = one;
  const before = rules.slice(0, at);
  const twin = before.findIndex(
    (r) => r.consumer === consumer && r.target === target && r.setid === setid,
  );
  if (twin !== -1) return [`rules[${at}]: the same as rules[${twin}]`];
  const rival = before.findIndex((r) => r.setid === setid && r.target !== target);
  if (rival !== -1) {
    const other = before[rival]?.target ?? '';
    return [
      `rules[${at}].setid: set ${setid} lists ${other} already (rules[${rival}]), a set lists one role`,
    ];
  }
  const near = before.findIndex((r) => Math.abs(r.setid - setid) === REMOTE_SET_OFFSET);
  if (near === -1) return [];
  const apart = `set ${setid} and set ${before[near]?.setid ?? 0} (rules[${near}]) are ${REMOTE_SET_OFFSET} apart`;
  return [`rules[${at}].setid: ${apart}: one is kept for the other's nodes in other data centres`];
}

function issueText(issue: z.core.$ZodIssue): string {
  const place = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
  return `${place === '' ? 'document' : place}: ${issue.message}`;
}

function roleFault(found: unknown, wanted: string): string {
  const roles = wanted === 'a role' ? ROLES : ROLES.filter((role) => role !== 'media');
  return `expected ${wanted} (${roles.join(', ')}), found ${shown(found)}`;
}

function shown(found: unknown): string {
  return found === undefined ? 'nothing' : cutText(JSON.stringify(found), 40);
}

function faulty(what: string, faults: readonly string[]): InvalidInputError {
  const named = faults.slice(0, MAX_FAULTS).map((fault) => `\n  - ${fault}`);
  const rest = faults.length - named.length;
  const more = rest > 0 ? `\n  - and ${rest} more` : '';
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return new InvalidInputError(what, `${count} in the wiring${named.join('')}${more}`);
}
