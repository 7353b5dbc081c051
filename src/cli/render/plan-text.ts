import type { RowChange } from '../../topology/diff-rows.js';
import type { DispatcherRow } from '../../topology/dispatcher-row.js';
import { isLostHold } from '../../topology/held.js';
import type { PlanJson } from '../json-shapes.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { wrapSegments } from './layout.js';
import { planEvidence } from './plan-evidence.js';
import { stateGlyph } from './state-mark.js';
import { wrapText } from './explain-text.js';
import { groupNumber, plural } from './units.js';

/** Where and how a plan is shown. */
export interface PlanCanvas {
  readonly paint: Painter;
  readonly width: number;
  readonly nowMs: number;
  /** "data 0.3 s old", or that it is stale. */
  readonly age: string;
}

/** What text shows of a plan: the rest is counted. */
const MAX_SHOWN = 100;
const INDENT = ' '.repeat(10);

/** The answer, what stands in the way, each row, what the guards say, what was taken for granted. */
export function planText(plan: PlanJson, canvas: PlanCanvas): string[] {
  const { paint, width, age } = canvas;
  const { changes, generation, cluster, dc } = plan;
  const colour =
    plan.held + plan.holds.length > 0 ? paint.warn : plan.passing > 0 ? paint.bold : paint.good;
  const known = generation === null ? 'no generation yet' : `generation ${groupNumber(generation)}`;
  const order = [...changes].sort((a, b) => Number(a.heldBy !== null) - Number(b.heldBy !== null));
  const more = order.length - MAX_SHOWN;
  return [
    ...wrapText(printable(answer(plan)), width, '').map(colour),
    ...standingLines(plan, canvas),
    ...wrapSegments([cluster, dc, known, age], width, ' · '),
    ...(order.length === 0 ? [] : ['']),
    ...order.slice(0, MAX_SHOWN).flatMap((change) => changeLines(change, canvas)),
    ...(more > 0 ? [`… and ${plural(more, 'more row')}: carna plan --json, or --set N`] : []),
    ...planEvidence(plan, canvas),
  ];
}

function answer(plan: PlanJson): string {
  const text = outcome(plan);
  if (plan.wiring !== null) return `With ${plan.wiring}: ${text}`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function outcome(plan: PlanJson): string {
  const { passing, held, waiting, untold, generation, refused, conflicts, foreign } = plan;
  const isBack = held === 1 ? 'is held back by a guard' : 'are held back by a guard';
  const lost = plan.holds.filter(isLostHold).length;
  const kept = lost === 0 ? [] : [`${plural(lost, 'lost set is', 'lost sets are')} kept`];
  if (passing > 0) {
    const rest = [...(held === 0 ? [] : [`${groupNumber(held)} ${isBack}`]), ...kept];
    return `${[`${plural(passing, 'row')} would change now`, ...rest].join(', ')}.`;
  }
  const back = [...(held === 0 ? [] : [`${plural(held, 'row')} ${isBack}`]), ...kept];
  if (back.length > 0) return `nothing would change now: ${back.join(', ')}.`;
  const at = generation === null ? 'no generation yet' : `generation ${groupNumber(generation)}`;
  if (untold.length > 0) {
    const rows = plural(untold.length, 'vanished node');
    return `nothing that is told by name would change (${at}); the rows of ${rows} may.`;
  }
  const faults = refused.length + conflicts.length + foreign.length;
  if (waiting.length === 0 && faults === 0) {
    return `the table is what it should be (${at}); nothing would change.`;
  }
  if (waiting.length === 0) {
    return `nothing would change now (${at}), but ${plural(faults, 'row')} cannot be as ${faults === 1 ? 'it' : 'they'} should.`;
  }
  const waits = plural(waiting.length, 'vanished node waits', 'vanished nodes wait');
  return `nothing would change now (${at}): ${waits} for the witness.`;
}

function standingLines(plan: PlanJson, { paint, width }: PlanCanvas): string[] {
  const isAlarming = plan.wiring === null && plan.leader === null;
  const lines = wrapText(printable(standing(plan)), width, '').filter((line) => line !== '');
  return isAlarming ? lines.map(paint.bad) : lines;
}

/** Why it is not done already. */
function standing({ wiring, leader, passing, held, waiting, untold }: PlanJson): string {
  if (wiring !== null) {
    return 'Reconcilers, agents and Kamailios run the shipped wiring: this only shows what another would change.';
  }
  if (leader === null) {
    return passing + held + waiting.length + untold.length > 0
      ? 'No reconciler leads: nothing will be written until one does.'
      : 'No reconciler leads: what changes from now on will not be written until one does.';
  }
  if (passing === 0) return '';
  return `${leader} leads and writes such changes within 100 ms as a rule: run this again. If they stay, it cannot write; its log says why.`;
}

type Change = PlanJson['changes'][number];

function changeLines(change: Change, { paint, width }: PlanCanvas): string[] {
  const { setid, destination, nodeId, reason, heldBy } = change;
  const owner = nodeId === null ? '' : `${printable(nodeId)}: `;
  const head = [
    kindText(change, paint),
    `set ${setid}`,
    printable(destination),
    ...columnTexts(change).map(printable),
  ];
  const held = heldBy === null ? '' : `not written: the guard "${heldBy}" holds it`;
  const inner = width - INDENT.length;
  return [
    ...wrapSegments(head, width, '  ', INDENT),
    ...wrapText(`${owner}${printable(reason)}`, inner, '').map((line) => INDENT + line),
    ...wrapText(held, inner, '').map((line) => INDENT + paint.warn(line)),
  ];
}

const GLYPHS: Readonly<Record<RowChange['kind'], string>> = {
  insert: '+',
  update: '~',
  delete: '-',
};

function kindText({ kind, heldBy }: Change, paint: Painter): string {
  if (heldBy !== null) return `${stateGlyph('held', paint)} ${kind}`;
  const text = `${GLYPHS[kind]} ${kind}`;
  return kind === 'insert'
    ? paint.good(text)
    : kind === 'delete'
      ? paint.bad(text)
      : paint.warn(text);
}

const FLAG_WORDS: Readonly<Record<number, string>> = {
  8: ' active',
  9: ' inactive',
  4: ' disabled',
};

function flagsText(flags: number): string {
  return `${flags}${FLAG_WORDS[flags] ?? ''}`;
}

/** Each column with its old and its new value. */
function columnTexts({ before, after }: Change): string[] {
  if (before === null)
    return after === null ? [] : [`flags ${flagsText(after.flags)}`, ...attrsOf(after)];
  if (after === null) return [`was flags ${flagsText(before.flags)}`, ...attrsOf(before)];
  const columns = ['priority', 'attrs', 'description'] as const;
  const flags =
    before.flags === after.flags
      ? []
      : [`flags ${flagsText(before.flags)} → ${flagsText(after.flags)}`];
  const others = columns.flatMap((column) =>
    before[column] === after[column]
      ? []
      : [`${column} ${shown(before[column])} → ${shown(after[column])}`],
  );
  return [...flags, ...others];
}

function attrsOf({ attrs }: Pick<DispatcherRow, 'attrs'>): string[] {
  return attrs === '' ? [] : [`attrs ${attrs}`];
}

function shown(value: string | number): string {
  return value === '' ? '""' : String(value);
}
