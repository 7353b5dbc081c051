import type { Trunk, TrunkTry } from '../../topology/trunk.js';
import { ALL_NUMBERS, MAX_TRIES, trunkUri } from '../../topology/trunk.js';
import { printable } from './colour.js';
import { renderTable } from './layout.js';
import { groupNumber, plural } from './units.js';

/** All trunks: those of one prefix together, in the order in which they are tried. Pure. */
export function trunksText(trunks: readonly Trunk[], width: number): string[] {
  if (trunks.length === 0) {
    return [
      'there are no trunks yet: calls to numbers that no user has are refused',
      '  next: carna trunk add carrier-a --to sip:203.0.113.5 --prefix +44',
    ];
  }
  const sources = trunks.filter(({ source }) => source).length;
  const rows = trunks.map((trunk) => [
    trunk.name,
    carries(trunk),
    trunkUri(trunk),
    trunk.weight === 0 ? '' : String(trunk.priority),
    trunk.weight === 0 ? '' : String(trunk.weight),
    capText(trunk),
    rewriteText(trunk),
    trunk.source ? 'yes' : '',
  ]);
  const columns = [
    { header: 'TRUNK' },
    { header: 'NUMBERS' },
    { header: 'TO' },
    { header: 'PRIORITY', align: 'end', drop: 2 },
    { header: 'WEIGHT', align: 'end', drop: 3 },
    { header: 'CAP', align: 'end', drop: 1 },
    { header: 'NUMBER SENT', drop: 4 },
    { header: 'SOURCE', drop: 1 },
  ] as const;
  const first = `${plural(trunks.length, 'trunk')}, ${groupNumber(sources)} of them ${sources === 1 ? 'brings' : 'bring'} calls in`;
  return [first, ...renderTable(columns, rows, width)];
}

/** What a call to a number tries, in order; `user` has the number, so that none is taken. Pure. */
export function triesText(
  number: string,
  user: string | null,
  tries: readonly TrunkTry[],
  width: number,
): string[] {
  if (user !== null) {
    const name = printable(user);
    return [
      `${number} belongs to ${name}: a call to it goes to that user and takes no trunk`,
      `  next: carna location ${name}`,
    ];
  }
  if (tries.length === 0) {
    return [
      `no trunk carries ${number}: a call to it is refused`,
      '  next: carna trunk list, or carna trunk add NAME --to sip:HOST --prefix PREFIX',
    ];
  }
  const ranks = new Set(tries.map(({ rank }) => rank)).size;
  const drawn = ranks < tries.length ? ' Trunks of one rank take turns by weight.' : '';
  const most = tries.length > MAX_TRIES ? ` A call tries at most ${MAX_TRIES} of them.` : '';
  const rows = tries.map(({ trunk, rank, share, sent }) => [
    String(rank),
    trunk.name,
    `${Math.round(share * 100)} %`,
    `sip:${sent}@${trunkUri(trunk).slice('sip:'.length)}`,
    capText(trunk),
    carries(trunk),
  ]);
  const columns = [
    { header: 'RANK', align: 'end' },
    { header: 'TRUNK' },
    { header: 'FIRST', align: 'end', drop: 2 },
    { header: 'AS' },
    { header: 'CAP', align: 'end', drop: 1 },
    { header: 'BECAUSE', drop: 3 },
  ] as const;
  return [
    `a call to ${number} may take ${plural(tries.length, 'trunk')}, in this order.${drawn}${most}`,
    ...renderTable(columns, rows, width),
  ];
}

/** One trunk in words. Pure. */
export function trunkWords(trunk: Trunk): string {
  const out = trunk.weight === 0 ? [] : [`${carries(trunk)} go to ${trunkUri(trunk)}`];
  const within =
    trunk.weight === 0 || trunk.cap === 0 ? [] : [`${plural(trunk.cap, 'call')} at once`];
  const come = trunk.source ? [`calls from ${trunk.host} come in by it without a password`] : [];
  return [...out, ...within, ...come].join(', ');
}

/** What the removal of a trunk does, before it is asked for. Pure. */
export function trunkRemovalWarning(trunk: Trunk, all: readonly Trunk[]): string[] {
  const others = all.filter((one) => one.name !== trunk.name && one.weight > 0);
  const isCarried = others.some(({ prefix }) => trunk.prefix.startsWith(prefix));
  const out =
    trunk.weight === 0
      ? []
      : [
          `New calls to ${carries(trunk)} ${isCarried ? 'take the other trunks' : 'find no trunk any more and are refused'}; calls on ${trunk.name} go on.`,
        ];
  const isShared = all.some(
    (one) => one.name !== trunk.name && one.source && one.host === trunk.host,
  );
  const come = trunk.source && !isShared ? [`Calls from ${trunk.host} will need a password.`] : [];
  return [...out, ...come];
}

function carries({ prefix, weight }: Trunk): string {
  if (weight === 0) return 'none';
  return prefix === ALL_NUMBERS ? 'all numbers' : `${prefix}…`;
}

function capText({ cap }: Trunk): string {
  return cap === 0 ? 'none' : groupNumber(cap);
}

function rewriteText({ strip, add, weight }: Trunk): string {
  if (weight === 0) return '';
  const parts = [
    strip === 0 ? '' : `without its first ${strip}`,
    add === '' ? '' : `${add} in front`,
  ];
  const text = parts.filter((part) => part !== '').join(', ');
  return text === '' ? 'as dialled' : text;
}
