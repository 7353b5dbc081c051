import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Admission } from '../../src/topology/admission.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { MAX_WITNESSED } from '../../src/topology/node.js';
import { encodeGenerationRecord } from '../../src/topology/node-codec.js';
import type { Findings, FindingsInput } from '../../src/topology/witnessed.js';
import {
  findingChanges,
  findingsOf,
  findWitnessed,
  sameReport,
  witnessReport,
} from '../../src/topology/witnessed.js';

const NONE: Findings = new Map();

function find(part: Partial<FindingsInput>): Findings {
  return findWitnessed({
    vanished: new Map(),
    evidence: new Map(),
    asking: new Map(),
    admissions: new Map(),
    before: NONE,
    nowMs: 1_000,
    ...part,
  });
}

const gone = (evidence?: Evidence): Partial<FindingsInput> => ({
  vanished: new Map([['a', 'sip:a:5060']]),
  evidence: new Map(evidence === undefined ? [] : [['a', evidence]]),
});
const newcomer = (admission: Admission, evidence?: Evidence): Partial<FindingsInput> => ({
  asking: new Map([['a', { destination: 'sip:a:5060', admission }]]),
  admissions: new Map(evidence === undefined ? [] : [['a', evidence]]),
});
const finding = (found: Findings): string | undefined => found.get('a')?.finding;

test('each finding follows from what the witness judged', () => {
  assert.equal(finding(find(gone('answers'))), 'unsupervised');
  assert.equal(finding(find(gone('silent'))), 'silent');
  assert.equal(finding(find(gone('unknown'))), 'unasked');
  assert.equal(finding(find(gone())), 'unasked');
  assert.equal(finding(find(newcomer('unanswered', 'silent'))), 'disagreed');
  assert.equal(finding(find(newcomer('unanswered'))), undefined, 'only not asked yet');
  assert.equal(finding(find(newcomer('unanswered', 'unknown'))), undefined);
  assert.equal(finding(find(newcomer('waiting'))), undefined);
  assert.equal(finding(find(newcomer('admitted', 'answers'))), undefined);
});

test('a finding keeps the time at which it began; another begins anew', () => {
  const first = find(gone('answers'));
  const later = find({ ...gone('answers'), before: first, nowMs: 9_000 });
  assert.equal(later, first, 'nothing changed: the same object');
  const silent = find({ ...gone('silent'), before: first, nowMs: 9_000 });
  assert.equal(silent.get('a')?.sinceMs, 9_000);
});

test('a new leader that has not asked yet keeps what the one before found', () => {
  const before = findingsOf(witnessReport(find(gone('answers'))));
  assert.equal(find({ ...gone(), before, nowMs: 9_000 }).get('a')?.sinceMs, 1_000);
  assert.equal(finding(find({ ...gone('unknown'), before })), 'unasked', 'asked in vain');
  const disagreed = findingsOf(witnessReport(find(newcomer('unanswered', 'silent'))));
  assert.equal(finding(find({ ...newcomer('waiting'), before: disagreed })), 'disagreed');
  assert.equal(finding(find({ ...newcomer('admitted', 'answers'), before: disagreed })), undefined);
  assert.equal(finding(find({ before: disagreed })), undefined, 'it is active now, or gone');
});

test('what began and what ended', () => {
  const before = find(gone('answers'));
  const after = find({ ...gone('silent'), before });
  const { began, ended } = findingChanges(before, after);
  assert.deepEqual([began[0]?.finding, ended[0]?.finding], ['silent', 'unsupervised']);
  assert.deepEqual(findingChanges(after, after), { began: [], ended: [] });
});

test('the report counts all and names the first, within what the record can carry', () => {
  const vanished = new Map(
    Array.from({ length: 10_000 }, (_, n) => [`n${n}`.padStart(255, 'x'), 'sip:h:5060'] as const),
  );
  const found = find({ vanished });
  const report = witnessReport(found);
  assert.equal(report?.counts.unasked, 10_000);
  assert.equal(report.nodes.length, MAX_WITNESSED);
  const sets = {};
  const rest = { schema: 1, generation: 1, epoch: 1, sets, traces: [], committedAtMs: 1 } as const;
  assert.ok(encodeGenerationRecord({ ...rest, witnessed: report }).length > 0);
  assert.equal(witnessReport(NONE), undefined);
});

test('two reports are the same whatever the order of their counts', () => {
  const report = { nodes: [], counts: { silent: 1, unasked: 2 } };
  assert.ok(sameReport(report, { nodes: [], counts: { unasked: 2, silent: 1 } }));
  assert.ok(!sameReport(report, { nodes: [], counts: { silent: 1 } }));
  assert.ok(!sameReport(report, undefined));
});
