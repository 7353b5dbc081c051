import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventBuffer, MAX_WAITING_EVENTS } from '../../../src/marathon/client/event-buffer.js';
import { readEvent } from '../../../src/marathon/client/events-codec.js';
import { SseReader } from '../../../src/marathon/client/sse.js';
import { misfits, taskId } from './fake-marathon.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const STREAM = [
  ': sign of life\r\n\r\n',
  'event: a\r\ndata: {"x": "ü…"}\r\n\r\n',
  'id: 7\nevent:b\ndata:1\ndata: 2\n\n',
  'event: nothing\n\n',
  'data\n\n',
].join('');

const FRAMES = [
  { event: 'a', data: '{"x": "ü…"}' },
  { event: 'b', data: '1\n2' },
  { event: 'message', data: '' },
];

test('a stream gives the same events wherever its bytes are cut', () => {
  const all = bytes(STREAM);
  for (let cut = 0; cut <= all.length; cut++) {
    const reader = new SseReader();
    const frames = [...reader.read(all.subarray(0, cut)), ...reader.read(all.subarray(cut))];
    assert.deepEqual(frames, FRAMES, `cut at ${cut}`);
  }
  const reader = new SseReader();
  const single = [...all].flatMap((byte) => reader.read(Uint8Array.of(byte)));
  assert.deepEqual(single, FRAMES);
});

test('an event without end is not kept for ever, in one line or in many', () => {
  assert.throws(() => new SseReader(100).read(bytes('x'.repeat(101))), /more than 100/);
  assert.throws(() => new SseReader(100).read(bytes('data\n'.repeat(101))), /more than 100/);
});

const head = { timestamp: '2024-01-01T00:00:00.000Z' };
const health = {
  ...head,
  eventType: 'instance_health_changed_event',
  instanceId: taskId('1').replace('._app.1', ''),
  runSpecId: '/carna/dc1/media',
  runSpecVersion: '2024-01-01T00:00:00.000Z',
};

test('events are read as Marathon writes them', () => {
  const read = (event: unknown): unknown => {
    assert.deepEqual(misfits('events', event), []);
    return readEvent(JSON.stringify(event));
  };
  const { instanceId, runSpecId: appId } = health;
  assert.deepEqual(read({ ...health, healthy: true }), {
    kind: 'health',
    appId,
    instanceId,
    isHealthy: true,
  });
  assert.deepEqual(read(health), { kind: 'health', appId, instanceId, isHealthy: null });
  assert.deepEqual(
    read({ ...health, eventType: 'instance_changed_event', condition: 'Scheduled' }),
    { kind: 'instance', appId, instanceId, condition: 'Scheduled' },
  );
  const plan = { id: 'd-1', steps: [], version: health.runSpecVersion };
  for (const [eventType, hasSucceeded] of [
    ['deployment_success', true],
    ['deployment_failed', false],
  ]) {
    assert.deepEqual(read({ ...head, eventType, id: 'd-1', plan }), {
      kind: 'deployment',
      deploymentId: 'd-1',
      hasSucceeded,
    });
  }
  const status = {
    ...head,
    eventType: 'status_update_event',
    slaveId: 's',
    taskId: taskId('1'),
    taskStatus: 'TASK_RUNNING',
    message: '',
    appId,
    host: 'h1',
    ports: [],
    version: health.runSpecVersion,
  };
  assert.deepEqual(read(status), {
    kind: 'task',
    appId,
    taskId: taskId('1'),
    state: 'TASK_RUNNING',
  });
});

test('an unknown type is tolerated, a known one without its members is refused by name', () => {
  assert.deepEqual(readEvent('{"eventType":"new_in_2_0"}'), { kind: 'other', type: 'new_in_2_0' });
  assert.throws(() => readEvent('{"eventType":"deployment_success"}'), /deployment_success: id: /);
  assert.throws(() => readEvent('{"eventType"'), /event: expected JSON/);
});

test('events beyond the buffer and unreadable ones count as lost', () => {
  const buffer = new EventBuffer();
  const one = bytes('data: {"eventType":"x"}\n\n');
  for (let i = 0; i < MAX_WAITING_EVENTS; i++) buffer.add(one);
  assert.equal(buffer.takeLoss(), false);
  buffer.add(one);
  assert.ok(buffer.takeAll().length <= MAX_WAITING_EVENTS);
  assert.deepEqual([buffer.takeLoss(), buffer.takeLoss()], [true, false]);
  buffer.add(bytes('data: nonsense\n\n'));
  assert.deepEqual([buffer.takeAll().length, buffer.takeLoss()], [0, true]);
});
