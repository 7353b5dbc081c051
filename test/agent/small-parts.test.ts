import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAcknowledged, rolesListing } from '../../src/agent/listing.js';
import { lineSplitter, MAX_LINE_LENGTH } from '../../src/agent/runtime/line-splitter.js';
import { termSignal } from '../../src/agent/term-signal.js';
import type { AppliedRecord } from '../../src/topology/node.js';
import { MAX_UNLISTED } from '../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { FakeView, silentLog } from './support/fakes.js';

function linesOf(pieces: readonly string[]): string[] {
  const lines: string[] = [];
  const splitter = lineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

test('output comes as lines, however it is cut', () =>
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'bc', '\n', ' ', 'ü\n', 'x\ny')), (pieces) => {
      const whole = pieces.join('').split('\n');
      const expected = whole.map((line) => line.trimEnd()).filter((line) => line !== '');
      assert.deepEqual(linesOf(pieces), expected);
    }),
  ));

test('a line without end is cut and never held whole', () => {
  const pieces = Array.from({ length: 1_000 }, () => 'x'.repeat(1_000));
  const [line, next] = linesOf([...pieces, '\nnext\n']);
  assert.equal(line?.length, MAX_LINE_LENGTH + 1);
  assert.equal(next, 'next');
});

test('SIGTERM counts once: repeating it changes nothing and ends nothing', () => {
  const proc = new EventEmitter();
  const signal = termSignal(proc as unknown as NodeJS.Process, silentLog);
  let aborts = 0;
  signal.addEventListener('abort', () => (aborts += 1));
  assert.equal(signal.aborted, false);
  for (const name of ['SIGTERM', 'SIGTERM', 'SIGINT', 'SIGTERM']) proc.emit(name, name);
  assert.equal(aborts, 1);
});

test('whose Kamailios send calls to a role', () => {
  assert.deepEqual(rolesListing(DEFAULT_WIRING, 'media'), ['dispatcher']);
  assert.deepEqual(rolesListing(DEFAULT_WIRING, 'dispatcher'), ['load-balancer']);
  assert.deepEqual(rolesListing(DEFAULT_WIRING, 'load-balancer'), []);
});

test('a change is acknowledged when it stands in the table and all living consumers are as new', () => {
  const view = new FakeView();
  const check = (expected: boolean): void =>
    assert.equal(isAcknowledged(view, 'trace-01', ['dispatcher']), expected);
  check(false);
  view.setGeneration(7, {}, ['trace-00']);
  check(false);
  view.setGeneration(8, {}, ['trace-01']);
  check(true);
  view.acknowledge('d1', 'dispatcher', 7);
  check(false);
  view.acknowledge('d1', 'dispatcher', 8);
  view.acknowledge('lb', 'load-balancer', 1);
  check(true);
});

test('of a node that is up a list is a proof only when it holds the node itself', () => {
  const view = new FakeView();
  view.setGeneration(8, {}, ['trace-01']);
  const check = (
    expected: boolean,
    more: Pick<Partial<AppliedRecord>, 'drift' | 'unlisted'>,
  ): void => {
    view.acknowledge('d1', 'dispatcher', 8, more);
    const keys = ['30 sip:m1:5060'];
    assert.equal(isAcknowledged(view, 'trace-01', ['dispatcher'], keys), expected);
    assert.equal(isAcknowledged(view, 'trace-01', ['dispatcher']), true, 'a drain needs no reload');
  };
  check(true, { drift: null });
  check(false, { drift: 'sip:m1:5060 is missing' });
  check(false, { drift: 'sip:m1:5060 is missing', unlisted: ['30 sip:m0:5060', '30 sip:m1:5060'] });
  check(true, { drift: 'sip:bad:5060 is missing', unlisted: ['30 sip:bad:5060'] });
  check(true, { drift: 'sip:z:5060 has no row in set 30', unlisted: [] });
  const many = Array.from({ length: MAX_UNLISTED }, (_, at) => `30 sip:n${at}:5060`);
  check(false, { drift: 'much is missing', unlisted: many });
});
