import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Json, Rig } from './support.js';
import { sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

/** A consumer of the stream; `events` grows. */
class Stream {
  readonly events: Json[] = [];
  isOver = false;
  readonly #abort = new AbortController();

  static async open(rig: Rig, query = ''): Promise<Stream> {
    const stream = new Stream();
    const response = await fetch(`${rig.marathon.url}/v2/events${query}`, {
      headers: { accept: 'text/event-stream' },
      signal: stream.#abort.signal,
    });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    void stream.#read(response);
    return stream;
  }

  types(): readonly unknown[] {
    return this.events.map(({ eventType }) => eventType);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const parts = text.split('\r\n\r\n');
        text = parts.pop() ?? '';
        for (const part of parts) {
          const data = /^data: (.*)$/m.exec(part)?.[1];
          if (data !== undefined) this.events.push(JSON.parse(data) as Json);
        }
      }
    } catch {
      // Cut off: that is what some tests are about.
    }
    this.isOver = true;
  }
}

test('the life of a task and its deployment is told', () =>
  withRig(async (rig) => {
    const stream = await Stream.open(rig);
    const id = await rig.change('PUT', `/v2/apps${MEDIA}`, sleeper(MEDIA), 201);
    await rig.until('the end', async () => stream.types().includes('deployment_success'));
    const conditions = stream.events
      .filter(({ eventType }) => eventType === 'instance_changed_event')
      .map(({ condition }) => condition);
    assert.deepEqual(conditions, ['Scheduled', 'Provisioned', 'Staging', 'Running']);
    const states = stream.events
      .filter(({ eventType }) => eventType === 'status_update_event')
      .map(({ taskStatus }) => taskStatus);
    assert.deepEqual(states, ['TASK_STAGING', 'TASK_RUNNING']);
    const success = stream.events.find(({ eventType }) => eventType === 'deployment_success');
    assert.equal(success?.id, id);
    const types = stream.types();
    for (const type of ['event_stream_attached', 'group_change_success', 'api_post_event']) {
      assert.ok(types.includes(type), type);
    }
    assert.ok(types.indexOf('deployment_info') < types.indexOf('deployment_step_success'));
    stream.close();
  }));

test('only what was asked for comes', () =>
  withRig(async (rig) => {
    const query = '?event_type=deployment_success&event_type=deployment_failed';
    const stream = await Stream.open(rig, query);
    await rig.settle('POST', '/v2/apps', sleeper(MEDIA), 201);
    await rig.until('an event', async () => stream.events.length > 0);
    assert.deepEqual(stream.types(), ['deployment_success']);
    stream.close();
  }));

test('a cancelled deployment has failed', () =>
  withRig(async (rig) => {
    const stream = await Stream.open(rig, '?event_type=deployment_failed');
    await rig.settle('POST', '/v2/apps', sleeper(MEDIA), 201);
    const id = rig.marathon.faults.lockApp(MEDIA);
    await rig.change('DELETE', `/v2/deployments/${id}?force=true`, undefined, 202);
    await rig.until('told', async () => stream.events[0]?.id === id);
    stream.close();
  }));

test('all streams can be dropped, and a new one works', () =>
  withRig(async (rig) => {
    const stream = await Stream.open(rig);
    rig.marathon.faults.dropEvents();
    await rig.until('over', async () => stream.isOver);
    const next = await Stream.open(rig);
    await rig.until('attached', async () => next.types().includes('event_stream_attached'));
    next.close();
  }));

test('a silent stream carries nothing and stays open', () =>
  withRig(async (rig) => {
    const stream = await Stream.open(rig);
    await rig.until('attached', async () => stream.events.length > 0);
    rig.marathon.faults.silenceEvents(true);
    const before = stream.events.length;
    await rig.settle('POST', '/v2/apps', sleeper(MEDIA), 201);
    assert.equal(stream.events.length, before);
    assert.equal(stream.isOver, false);
    rig.marathon.faults.silenceEvents(false);
    await rig.settle('PUT', `/v2/apps${MEDIA}`, { instances: 2 });
    await rig.until('told again', async () => stream.types().includes('deployment_success'));
    stream.close();
  }));

test('shuffled, a task may seem to run before it is staged, and nothing is lost', () =>
  withRig(
    async (rig) => {
      const stream = await Stream.open(rig, '?event_type=status_update_event');
      await rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances: 3 }), 201);
      await rig.until('all six', async () => stream.events.length === 6);
      const order = stream.events.map(({ taskStatus }) => taskStatus);
      assert.equal(order.filter((state) => state === 'TASK_RUNNING').length, 3);
      assert.notDeepEqual(order.slice(0, 1), ['TASK_STAGING']);
      stream.close();
    },
    { shuffleEvents: true },
  ));

test('a consumer that does not read is disconnected, one that reads is not', () =>
  withRig(
    async (rig) => {
      const { hostname, port } = new URL(rig.marathon.url);
      const idle = connect(Number(port), hostname);
      idle.on('error', () => undefined);
      idle.write('GET /v2/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n');
      idle.pause();
      const stream = await Stream.open(rig);
      const other = await Stream.open(rig, '?event_type=event_stream_detached');
      let n = 0;
      const label = 'x'.repeat(400_000);
      await rig.until('disconnected', async () => {
        await rig.settle(
          'PUT',
          '/v2/apps/big',
          sleeper('/big', { labels: { label, n: `${n}` } }),
          n++ === 0 ? 201 : 200,
        );
        return other.events.length > 0;
      });
      assert.equal(stream.isOver, false);
      idle.destroy();
      stream.close();
      other.close();
    },
    { maxUnreadEvents: 4 },
  ));
