import type { ContactView } from '../../topology/whereabouts.js';
import type { LocationJson } from '../telephony-json.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { wrapSegments } from './layout.js';
import { edgeText, expiryText, phoneText } from './registrations-text.js';
import { stateMark } from './state-mark.js';
import { formatAge, plural } from './units.js';

/** Where a known user's phones are, and what a call to it would do. `lastSeenMs`: its newest REGISTER. Pure. */
export function locationText(
  found: LocationJson,
  lastSeenMs: number | null,
  paint: Painter,
  width: number,
): string[] {
  const lines = [
    ...firstLines(found, lastSeenMs),
    ...found.contacts.flatMap((contact) => ['', ...contactLines(contact, found.asOfMs, paint)]),
    '',
    ...callLines(found, paint),
    ...nextLines(found),
    '',
    'from the durable copy, which a registrar writes before it says 200 OK; read just now',
  ];
  return lines.flatMap((line) =>
    line === '' ? [''] : wrapSegments(line.split(/(?<=\S) (?=\S)/), width, ' ', '   '),
  );
}

function firstLines(found: LocationJson, lastSeenMs: number | null): string[] {
  const { aor, asked, status, numbers, contacts, asOfMs } = found;
  const also = numbers.length === 0 ? '' : ` (${numbers.map(printable).join(', ')})`;
  const name = `${printable(aor)}${asked === aor ? also : `, who has ${asked},`}`;
  const current = contacts.filter(({ isExpired }) => !isExpired).length;
  switch (status) {
    case 'registered':
      return [`${name} is registered at ${plural(current, 'phone')}.`];
    case 'registered-unknown':
      return [
        `${name} is registered at ${plural(current, 'phone')}, but is no user any more: it can neither renew nor call.`,
      ];
    case 'not-registered':
    case 'unknown': {
      const last =
        lastSeenMs === null ? '' : `; its last registration came ${formatAge(asOfMs - lastSeenMs)}`;
      return [`${name} is known but not registered${last}.`];
    }
  }
}

function contactLines(contact: ContactView, nowMs: number, paint: Painter): string[] {
  const { received, path, q, userAgent, instance, registrar, socket } = contact;
  const agent = userAgent === null ? '' : `   ${printable(userAgent)}`;
  const at = registrar ?? socket;
  const taken = at === null ? '' : ` at ${printable(at)}`;
  const optional = (label: string, text: string | null): string[] =>
    text === null ? [] : [`   ${label} ${printable(text)}`];
  return [
    `${printable(contact.contact)}${agent}`,
    `   way        ${wayText(contact, paint)}`,
    ...optional('path      ', path),
    ...optional('received  ', received),
    `   registered ${formatAge(nowMs - contact.registeredAtMs)}${taken}, expires ${expiryText(contact, nowMs, paint)}`,
    ...optional('q         ', q === null ? null : String(Math.round(q * 1000) / 1000)),
    ...optional('device    ', instance),
  ];
}

/** `→ edge ● up lb-1 → 10.1.2.3:5060 over UDP`. */
function wayText(contact: ContactView, paint: Painter): string {
  const { edge } = contact;
  if (edge === null) return `→ ${phoneText(contact)}, without an edge`;
  const state = edge.state === null ? '' : `${stateMark(edge.state, paint)} `;
  const who = edge.nodeId === null ? edge.address : `${edge.nodeId} (${edge.address})`;
  return `→ edge ${state}${printable(who)} → ${phoneText(contact)}`;
}

/** What a call does now: the contacts of one q ring together, those of a lower one after them. */
function callLines(found: LocationJson, paint: Painter): string[] {
  const current = found.contacts.filter(({ isExpired }) => !isExpired);
  if (current.length === 0) {
    return [`A call to ${found.aor} now: 480 (known but not registered).`];
  }
  const ranks = [...new Set(current.map(({ q }) => q))].sort((a, b) => (b ?? -1) - (a ?? -1));
  const lines = ranks.map((q, at) => {
    const together = current.filter((contact) => contact.q === q);
    const ways = together.map((contact) => callWay(contact, paint)).join('; and ');
    return `${at === 0 ? ` A call to ${found.aor} now:` : ' When none of these answers:'} ${ways}`;
  });
  return lines.map((line) => line.trimStart());
}

function callWay(contact: ContactView, paint: Painter): string {
  const phone = phoneText(contact);
  const { edge } = contact;
  if (contact.phone === null) return paint.bad(`none to ${printable(contact.contact)}`);
  if (edge === null) return `outbound → ${phone}`;
  const way = `outbound → edge ${edgeText(edge, paint)} → ${phone}`;
  if (!contact.isReachable) {
    return `${way}: ${paint.bad(`its edge is ${edge.state ?? 'away'}, the call fails`)} until that edge runs again on its address or the phone registers through another`;
  }
  return way;
}

function nextLines(found: LocationJson): string[] {
  const { aor, status, contacts, nodesError } = found;
  const lines: string[] = [];
  if (nodesError !== null) {
    lines.push(`Nodes are not known for certain: ${printable(nodesError)}.`);
  } else if (contacts.some(({ edge }) => edge !== null && edge.nodeId === null)) {
    lines.push(
      'An edge that is no node here may be of another data centre, or was taken away: carna nodes --role load-balancer',
    );
  }
  if (status === 'not-registered') {
    lines.push(
      `Next: let the phone register; if it tries and is refused: carna user passwd ${aor}`,
    );
  }
  if (status === 'registered-unknown') lines.push(`Next: carna user add ${aor}`);
  const gone = contacts.find(({ isReachable, isExpired }) => !isReachable && !isExpired);
  const node = gone?.edge?.nodeId ?? null;
  if (node !== null) lines.push(`Next: carna explain ${node}`);
  return lines;
}
