import { addressText } from '../../topology/contact.js';
import type { ContactView, EdgeView } from '../../topology/whereabouts.js';
import type { RegistrationsJson } from '../telephony-json.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { renderTable, wrapSegments } from './layout.js';
import { stateGlyph } from './state-mark.js';
import { formatDuration, groupNumber, plural } from './units.js';
import { moreText } from './user-text.js';

/** One line per contact, the totals first. `asked` is the pattern, `*` = all. Pure. */
export function registrationsText(
  found: RegistrationsJson,
  asked: string,
  paint: Painter,
  width: number,
): string[] {
  if (found.total === 0) return noneText(asked);
  const unknown =
    found.nodesError === null
      ? []
      : [paint.warn(`nodes are not known for certain: ${printable(found.nodesError)}`)];
  return [
    ...wrapSegments(totals(found), width, ' · ', '  '),
    ...unknown,
    ...table(found, paint, width),
    ...moreText(found.total - found.contacts.length),
  ];
}

function noneText(asked: string): string[] {
  if (asked === '*') return ['no phone is registered', '  next: carna user list'];
  const name = printable(asked);
  const next = /^[^*?]+@[^*?]+$/.test(asked)
    ? `carna location ${name}`
    : `carna user list '${name}', or carna registrations for all`;
  return [`no registration matches ${name}`, `  next: ${next}`];
}

/** `3 contacts of 2 users · through lb-1 2, lb-2 1 · as of 12:00:00`. */
function totals({ total, users, edges }: RegistrationsJson): string[] {
  const through = edges.map(({ address, nodeId, contacts }) => {
    const name = nodeId ?? (address === null ? 'no edge' : printable(address));
    return `${name} ${groupNumber(contacts)}`;
  });
  return [
    `${plural(total, 'contact')} of ${plural(users, 'user')}`,
    `through ${through.join(', ')}`,
    'durable copy',
  ];
}

function table({ contacts, asOfMs }: RegistrationsJson, paint: Painter, width: number): string[] {
  const rows = contacts.map((contact) => [
    printable(`${contact.user}@${contact.domain}`),
    printable(contact.contact),
    edgeText(contact.edge, paint),
    expiryText(contact, asOfMs, paint),
    printable(contact.registrar ?? contact.socket ?? ''),
    contact.phone?.transport ?? '',
    printable(contact.userAgent ?? ''),
  ]);
  const isRegistrarKnown = contacts.some((one) => (one.registrar ?? one.socket) !== null);
  const columns = [
    { header: 'USER' },
    { header: 'CONTACT', drop: 1 },
    { header: 'EDGE' },
    { header: 'EXPIRES' },
    { header: 'REGISTRAR', drop: 3, isHidden: !isRegistrarKnown },
    { header: 'BY', drop: 4 },
    { header: 'USER AGENT', drop: 5 },
  ] as const;
  return renderTable(columns, rows, width);
}

/** `● lb-1`, or the address when no node of that kind is known; `none` without a Path. */
export function edgeText(edge: EdgeView | null, paint: Painter): string {
  if (edge === null) return 'none';
  const name = printable(edge.nodeId ?? edge.address);
  return edge.state === null ? name : `${stateGlyph(edge.state, paint)} ${name}`;
}

/** `in 58 min`, `never`, or how long it is over. */
export function expiryText(
  { expiresAtMs, isExpired }: Pick<ContactView, 'expiresAtMs' | 'isExpired'>,
  nowMs: number,
  paint: Painter,
): string {
  if (expiresAtMs === null) return 'never';
  if (isExpired) return paint.bad(`expired ${formatDuration(nowMs - expiresAtMs)} ago`);
  return `in ${formatDuration(expiresAtMs - nowMs)}`;
}

/** Where the phone is: `10.1.2.3:5060 over UDP`. */
export function phoneText({ phone }: Pick<ContactView, 'phone'>): string {
  if (phone === null) return 'an address that cannot be read';
  return `${printable(addressText(phone))} over ${phone.transport.toUpperCase()}`;
}
