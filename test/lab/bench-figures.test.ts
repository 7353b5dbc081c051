import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFigures, readFigures } from '../../src/lab/bench/process-figures.js';
import { lastZxid, packetsReceived } from '../../src/lab/bench/zookeeper-figures.js';

const STATUS = 'Name:\tnode\nVmHWM:\t   83700 kB\nVmRSS:\t   71400 kB\nThreads:\t11\n';
const stat = (name: string): string =>
  `4711 (${name}) S 1 4711 4711 0 -1 4194560 9000 0 0 0 123 45 0 0 20 0 11 0 99 0 0`;

test('memory is told in bytes, processor time is user and system time together', () =>
  assert.deepEqual(parseFigures(STATUS, stat('node')), {
    residentBytes: 71_400 * 1_024,
    peakBytes: 83_700 * 1_024,
    cpuMs: 1_680,
  }));

test('a process name with spaces and parentheses shifts no field', () =>
  assert.equal(parseFigures(STATUS, stat('a) S (b c')).cpuMs, 1_680));

test('a process of the kernel, which has no memory of its own, is an error and not zero', () => {
  assert.throws(() => parseFigures('Name:\tkthreadd\n', stat('kthreadd')), RangeError);
  assert.throws(() => parseFigures(STATUS, ''), RangeError);
});

test('the figures of a living process are found', () => {
  const figures = readFigures(process);
  assert.ok(figures.residentBytes > 10_000_000);
  assert.ok(figures.peakBytes >= figures.residentBytes);
});

test('the number of the last write is read whole: epoch and counter are one number of 64 bits', () => {
  const srvr = 'Zookeeper version: 3.8.0\nConnections: 3\nZxid: 0xff00000123\nMode: leader\n';
  assert.equal(lastZxid(srvr), 0xff00000123n);
  assert.throws(() => lastZxid('This ZooKeeper instance is not serving requests\n'), RangeError);
});

test('the packets that ZooKeeper received are not those that it sent', () => {
  const mntr = 'zk_version\t3.8.0\nzk_packets_sent\t8\nzk_packets_received\t17\n';
  assert.equal(packetsReceived(mntr), 17);
  assert.throws(() => packetsReceived('srvr is not in the whitelist'), RangeError);
});
