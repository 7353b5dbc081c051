import { ROLES } from '../../topology/node.js';
import type { Role, WitnessedRecord } from '../../topology/node.js';
import { VIEW_STATES } from '../../topology/view.js';
import type { NodeView, RoleView, SetView, TopologyView } from '../../topology/view.js';
import type { Wiring } from '../../topology/wiring.js';
import type { Painter } from './colour.js';
import { printable, widthOf } from './colour.js';
import { wrapText } from './explain-text.js';
import { renderTable, truncate, wrapSegments } from './layout.js';
import type { Column } from './layout.js';
import { stateGlyph, stateMark } from './state-mark.js';
import { formatDuration, groupNumber, plural } from './units.js';

/** Calls on a node now, by nodeId, as far as agents said. */
export type Loads = ReadonlyMap<string, number>;

/** Roles with more nodes than this show only those that need attention. */
const MAX_NODES_SHOWN = 12;

interface Canvas {
  readonly paint: Painter;
  readonly width: number;
  readonly nowMs: number;
  readonly loads: Loads;
}

/** The tree of roles along the wiring, with their nodes. */
export function topologyTree(view: TopologyView, wiring: Wiring, canvas: Canvas): string[] {
  const shown = view.roles.filter((role) => role.nodes.length > 0);
  if (shown.length === 0) return ['no node has announced itself here'];
  const children = parentage(wiring, new Set(shown.map((role) => role.role)));
  const byRole = new Map(shown.map((role) => [role.role, role]));
  const lines: string[] = [];
  const draw = (role: Role, lead: string, connector: string): void => {
    const roleView = byRole.get(role);
    if (roleView === undefined) return;
    const below = children.get(role) ?? [];
    const inner = lead + (connector === '' ? '' : connector === '└─ ' ? '   ' : '│  ');
    lines.push(...roleLines(roleView, lead + connector, inner, below.length > 0, canvas));
    below.forEach((child, i) => draw(child, inner, i === below.length - 1 ? '└─ ' : '├─ '));
  };
  for (const root of children.get(null) ?? []) draw(root, '', '');
  return lines;
}

/** Each shown role under the first shown role that consumes it; null = the roots. Loops are cut. */
function parentage(wiring: Wiring, shown: ReadonlySet<Role>): Map<Role | null, Role[]> {
  const children = new Map<Role | null, Role[]>();
  const placed = new Set<Role>();
  const place = (role: Role, parent: Role | null): void => {
    if (placed.has(role)) return;
    placed.add(role);
    children.set(parent, [...(children.get(parent) ?? []), role]);
    for (const rule of wiring) {
      if (rule.consumer === role && shown.has(rule.target)) place(rule.target, role);
    }
  };
  for (const role of ROLES) if (shown.has(role)) place(role, null);
  return children;
}

function roleLines(
  role: RoleView,
  head: string,
  lead: string,
  hasBelow: boolean,
  canvas: Canvas,
): string[] {
  const { paint, width } = canvas;
  const segments = [
    `${head}${paint.bold(role.role)}`,
    VIEW_STATES.filter((state) => role.counts[state] > 0)
      .map((state) => `${stateGlyph(state, paint)} ${role.counts[state]}`)
      .join(' '),
    loadOf(role.nodes, canvas.loads),
    ...role.sets.filter((set) => set.consumers > 0).map((set) => setText(set, paint)),
  ];
  const branch = `${lead}${hasBelow ? '│  ' : '   '}`;
  const noteworthy = role.nodes.filter(
    (n) => n.state !== 'up' || n.intent !== null || n.witnessed !== null,
  );
  const nodes = role.nodes.length > MAX_NODES_SHOWN ? noteworthy : role.nodes;
  const hidden = role.nodes.length - nodes.length;
  const lines = [
    ...wrapSegments(segments, width, '  ', `${branch}  `),
    ...nodeLines(nodes, branch, canvas),
  ];
  if (hidden > 0) {
    lines.push(
      truncate(
        `${branch}${paint.dim(`… ${hidden} more up: carna nodes --role ${role.role}`)}`,
        width,
      ),
    );
  }
  return lines;
}

function setText(set: SetView, paint: Painter): string {
  const who = plural(
    set.consumers,
    set.consumerRoles.length === 1 ? (set.consumerRoles[0] ?? '') : 'Kamailio',
  );
  const text = `set ${set.setid} on ${set.proven}/${who}`;
  return set.proven === set.consumers ? text : paint.warn(text);
}

function loadOf(nodes: readonly NodeView[], loads: Loads): string {
  const known = nodes.filter((node) => loads.has(node.nodeId));
  if (known.length === 0) return '';
  const calls = known.reduce((sum, node) => sum + (loads.get(node.nodeId) ?? 0), 0);
  const room = known.reduce((sum, node) => sum + node.maxSessions, 0);
  const hasRoom = known.every((node) => node.maxSessions > 0);
  return callsText(calls, hasRoom ? room : 0);
}

function callsText(calls: number, room: number): string {
  return room > 0 ? `${groupNumber(calls)}/${groupNumber(room)} calls` : plural(calls, 'call');
}

function nodeLines(nodes: readonly NodeView[], lead: string, canvas: Canvas): string[] {
  const { paint, nowMs, loads, width } = canvas;
  const inner = width - widthOf(lead);
  const rows = nodes.map((node) => [
    stateMark(node.state, paint),
    printable(node.nodeId),
    node.destination.replace(/^sips?:/, ''),
    loads.has(node.nodeId) ? callsText(loads.get(node.nodeId) ?? 0, node.maxSessions) : '',
    story(node, nowMs),
  ]);
  return renderTable(nodeColumns(rows), rows, inner)
    .slice(1)
    .map((line) => `${lead}${line}`);
}

/** Without headers; the address goes first when the terminal is narrow, an empty column always. */
function nodeColumns(rows: readonly (readonly string[])[]): Column[] {
  const hasCalls = rows.some((row) => row[3] !== '');
  return [
    { header: '' },
    { header: '' },
    { header: '', drop: 1 },
    { header: '', align: 'end', isHidden: !hasCalls },
    { header: '' },
  ];
}

/** How long, and why, in one line: "for 12 d", "for 14 min, 46 min left, by ann: kernel update". */
export function story(node: NodeView, nowMs: number): string {
  const parts = [node.sinceMs === null ? '' : `for ${formatDuration(nowMs - node.sinceMs)}`];
  if (node.state !== 'up' && node.state !== 'draining') parts.push(node.reason);
  if (node.witnessed?.finding === 'disagreed') parts.push(disagreement(node.witnessed, nowMs));
  if (node.intent !== null) {
    const { deadline, by, why, want } = node.intent;
    if (node.published === 'up') parts.push(`${want} asked, not yet announced by its agent`);
    if (deadline !== null) {
      const leftMs = deadline - nowMs;
      parts.push(
        leftMs >= 0 ? `${formatDuration(leftMs)} left` : `${formatDuration(-leftMs)} overdue`,
      );
    }
    parts.push(why === '' ? `by ${by}` : `by ${by}: ${why}`);
  } else if (node.state === 'draining') {
    parts.push(node.reason);
  }
  return printable(parts.filter((part) => part !== '').join(', '));
}

function disagreement({ sinceMs }: WitnessedRecord, nowMs: number): string {
  return `agent and witness disagree: it has not answered SIP for ${formatDuration(nowMs - sinceMs)}, inactive`;
}

/** The problems with what to do about each; one quiet line when there is none. */
export function problemLines(view: TopologyView, canvas: Canvas): string[] {
  const { paint, width } = canvas;
  if (view.problems.length === 0) return [paint.good('no problem')];
  const lines = view.problems.flatMap(({ text, next }) => {
    const [what, how] = [printable(text), printable(`→ ${next}`)];
    if (widthOf(what) + widthOf(how) + 4 <= width) return [`  ${what}  ${paint.dim(how)}`];
    return [
      ...wrapText(what, width - 2, '  ').map((line) => `  ${line}`),
      ...wrapText(how, width - 4, '  ').map((line) => `    ${paint.dim(line)}`),
    ];
  });
  return [paint.bad(plural(view.problems.length, 'problem')), ...lines];
}
