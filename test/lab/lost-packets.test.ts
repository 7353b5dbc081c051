import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConnections } from '../../src/lab/connections.js';
import { droppedIn, matches } from '../../src/lab/dropped-packets.js';

const SERVER = { host: '127.5.1.1', port: 2181 };

test('a rule names a server of the lab, or one connection to it, and nothing wider', () => {
  const client = { host: '127.0.0.1', port: 40_000 };
  assert.deepEqual(matches({ kind: 'all', server: SERVER }), [
    ['-p', 'tcp', '-d', '127.5.1.1', '--dport', '2181'],
    ['-p', 'tcp', '-s', '127.5.1.1', '--sport', '2181'],
  ]);
  assert.deepEqual(matches({ kind: 'new-connections', server: SERVER }), [
    ['-p', 'tcp', '-d', '127.5.1.1', '--dport', '2181', '--syn'],
  ]);
  assert.deepEqual(matches({ kind: 'connection', server: SERVER, client }), [
    ['-p', 'tcp', '-d', '127.5.1.1', '--dport', '2181', '-s', '127.0.0.1', '--sport', '40000'],
    ['-p', 'tcp', '-s', '127.5.1.1', '--sport', '2181', '-d', '127.0.0.1', '--dport', '40000'],
  ]);
});

test('a link is told by the addresses of both its ends, in both directions', () => {
  assert.deepEqual(matches({ kind: 'between', nets: ['127.5', '127.6'] }), [
    ['-s', '127.5.0.0/16', '-d', '127.6.0.0/16'],
    ['-s', '127.6.0.0/16', '-d', '127.5.0.0/16'],
  ]);
});

test('lost packets are counted over all rules of a chain', () => {
  const listed = [
    'Chain carna-lab-127.22 (1 references)',
    '    pkts      bytes target     prot opt in     out     source               destination',
    '       2      120 DROP       6    --  *      *       0.0.0.0/0            127.22.1.1           tcp dpt:2181',
    '      40     2120 DROP       6    --  *      *       127.22.1.1           0.0.0.0/0            tcp spt:2181',
  ].join('\n');
  assert.equal(droppedIn(listed), 42);
  assert.equal(droppedIn(''), 0);
});

test("a process's own established connections to a server are found in the kernel's table", () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:9C40 0101057F:0885 01 00000000:00000000 02:00000A5C 00000000     0        0 111 2 0',
    '   1: 0100007F:9C41 0101057F:0885 01 00000000:00000000 02:00000A5C 00000000     0        0 222 2 0',
    '   2: 0100007F:9C42 0101057F:0885 06 00000000:00000000 02:00000A5C 00000000     0        0 333 2 0',
    '   3: 0100007F:9C43 0201057F:1538 01 00000000:00000000 02:00000A5C 00000000     0        0 111 2 0',
    '   4: 0101057F:0885 0100007F:9C40 01 00000000:00000000 02:00000A5C 00000000     0        0 111 2 0',
    '',
  ].join('\n');
  // 222 is another process's, 333 is closing, the last two go elsewhere.
  assert.deepEqual(parseConnections(table, SERVER, new Set(['111', '333'])), [
    { host: '127.0.0.1', port: 40_000 },
  ]);
});
