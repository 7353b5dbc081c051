import type { UserPage } from '../../store/subscribers.js';
import { aorText } from '../../topology/account.js';
import type { Aor } from '../../topology/account.js';
import { closest } from '../../util/closest.js';
import type { Context } from '../context.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { renderTable } from './layout.js';
import { groupNumber, plural } from './units.js';

/** When a change of users or trunks is in force; both rest on what Kamailios do once a second. */
export const WHEN_EFFECTIVE =
  'effective  at the next request; known to every node within a second while PostgreSQL runs';

/** Users as a table, how many there are first. Pure. */
export function usersText(
  page: UserPage,
  pattern: string,
  paint: Painter,
  width: number,
): string[] {
  const { users, total } = page;
  if (total === 0) {
    return pattern === '*'
      ? ['there are no users yet', '  next: carna user add alice@example.org --generate']
      : [`no user matches ${printable(pattern)}`, '  next: carna user list'];
  }
  const registered = users.filter(({ contacts }) => contacts > 0).length;
  const whole = users.length === total;
  const first = whole
    ? `${plural(total, 'user')}, ${groupNumber(registered)} of them registered now`
    : `${plural(total, 'user')}, the first ${groupNumber(users.length)} are shown, ${groupNumber(registered)} of these registered now`;
  const rows = users.map((user) => [
    printable(aorText(user)),
    user.numbers.map(printable).join(' '),
    user.contacts === 0 ? paint.dim('○ no') : paint.good(`● at ${plural(user.contacts, 'phone')}`),
  ]);
  const columns = [
    { header: 'USER' },
    { header: 'NUMBERS', drop: 1 },
    { header: 'REGISTERED' },
  ] as const;
  return [first, ...renderTable(columns, rows, width), ...moreText(total - users.length)];
}

/** Says how many a limit left out; nothing when none. */
export function moreText(more: number): string[] {
  return more === 0 ? [] : [`… ${groupNumber(more)} more; all: --limit, or a pattern like 'a*'`];
}

/** What removing a user does, before it is asked for. Pure. */
export function removalWarning(aor: Aor, numbers: readonly string[], contacts: number): string[] {
  const beside = numbers.length === 0 ? '' : ` with ${numbers.join(', ')}`;
  const first = `${aorText(aor)}${beside} can neither register nor call any more; its calls of now go on.`;
  return contacts === 0 ? [first] : [first, leftText(contacts)];
}

/** What becomes of the registrations of a removed user. */
export function leftText(contacts: number): string {
  const [it, they] = contacts === 1 ? ['It stays', 'that phone'] : ['They stay', 'those phones'];
  return `It is registered at ${plural(contacts, 'phone')} now. ${it} until the registration expires: until then calls still reach ${they}.`;
}

const MAX_NAMES = 5;

/** Says that a user does not exist and which do, the most similar names first. */
export function printUnknownUser(
  context: Pick<Context, 'printError'>,
  aor: Aor,
  similar: readonly Aor[],
): void {
  const name = aorText(aor);
  context.printError(`error: there is no user ${name}`);
  const names = closest(name, similar.map(aorText), MAX_NAMES);
  if (names.length > 0) context.printError(`  there are: ${names.map(printable).join(', ')}`);
  context.printError(`  next: carna user list, or carna user add ${name}`);
}
