import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZkSession } from '../../src/registry/session.js';
import { long, toStat } from '../../src/registry/stat.js';

/** Compiles only when both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test('A17 ids are bigint and missing data is null in the types', () => {
  type Data = Awaited<ReturnType<ZkSession['getData']>>;
  const facts: [
    Same<ZkSession['zkSessionId'], bigint | null>,
    Same<NonNullable<Data>['data'], Buffer | null>,
    Same<Awaited<ReturnType<ZkSession['getChildren']>>, readonly string[] | null>,
    Same<NonNullable<Awaited<ReturnType<ZkSession['exists']>>>['czxid'], bigint>,
    Same<Extract<Data, undefined>, never>,
  ] = [true, true, true, true, true];
  assert.equal(facts.length, 5);
});

test('A17 64-bit values keep all their bits', () => {
  assert.equal(long(Buffer.from('fedcba9876543210', 'hex')), 0xfedc_ba98_7654_3210n);
  assert.throws(() => long(Buffer.alloc(4)), TypeError);
  assert.throws(() => toStat({}), TypeError);
});
