import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCandidates } from '../../src/registry/candidates.js';
import type { TreeEntry } from '../../src/registry/tree-view.js';

function entry(data: string | null): TreeEntry {
  const stat = { czxid: 1n, mzxid: 1n, ephemeralOwner: 1n } as TreeEntry['stat'];
  return { data: data === null ? null : Buffer.from(data), stat };
}

test('the first in line comes first, whatever its name; what is no candidate is not one', () => {
  const entries = new Map([
    ['leader', entry(null)],
    ['leader/c-aaaa-0000000012', entry('rec-1')],
    ['leader/c-zzzz-0000000009', entry('rec-2')],
    ['leader/somebody', entry('x')],
    ['nodes/c-0000000001', entry('x')],
    ['leader/c-bbbb-0000000013', entry(null)],
  ]);
  assert.deepEqual(readCandidates({ entries }), ['rec-2', 'rec-1', '']);
  assert.deepEqual(readCandidates({ entries: new Map() }), []);
});
