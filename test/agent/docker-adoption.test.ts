import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import { container, FakeEngine, SERVER_ID, summary } from './support/docker-fakes.js';
import { frame } from './support/fake-stream.js';
import { flush } from './support/fake-time.js';
import { Bench } from './support/docker-bench.js';

test('adoption asks the engine first, and passes on what is missing', async () => {
  const bench = new Bench();
  bench.engine.faults.set('ping', new MissingPartError('no socket', 'mount it'));
  assert.ok((await bench.fails(bench.runtime.adopt())) instanceof MissingPartError);
});

function withServer(more: Parameters<typeof container>[0] = {}): FakeEngine {
  const engine = new FakeEngine();
  engine.listed = [summary()];
  engine.containers.set(SERVER_ID, container({ id: SERVER_ID, name: 'carna-kamailio-1', ...more }));
  return engine;
}

const notes: readonly (readonly [string, Parameters<typeof container>[0], string | null])[] = [
  ['the same', {}, null],
  ['another image', { imageId: 'sha256:0' }, 'it runs another image until its next start'],
  ['another command', { command: ['old'] }, 'it runs another command until its next start'],
  ['paused', { status: 'paused' }, 'its container is paused'],
];
for (const [name, facts, note] of notes) {
  test(`the server of this node is taken over with its life: ${name}`, async () => {
    const bench = new Bench({ command: null }, withServer(facts));
    const server = await bench.runtime.adopt();
    assert.ok(server);
    assert.deepEqual([server.instanceId, server.isAdopted, server.note], ['life-1', true, note]);
    assert.deepEqual(bench.engine.acts, []);
    await flush();
    bench.engine.die(137);
    assert.equal((await bench.exitOf(server)).signal, 'SIGKILL');
  });
}

test('output from before the adoption is not repeated', async () => {
  const bench = new Bench({}, withServer());
  await bench.runtime.adopt();
  await flush();
  const nowMs = bench.time.wallMs();
  assert.deepEqual(bench.engine.logSince, [nowMs / 1_000]);
  for (const [ms, text] of [
    [-1, 'old'],
    [1, 'new'],
  ] as const) {
    bench.engine.logs_.push(frame(`${new Date(nowMs + ms).toISOString()} ${text}\n`));
  }
  await flush();
  const output = bench.log.lines.filter((l) => l.startsWith('server output'));
  assert.deepEqual(output, ['server output {"stream":"stdout","line":"new"}']);
});

test('what a dead agent left is removed by name; one that cannot be does not stop us', async () => {
  const engine = new FakeEngine();
  const labels = { ...summary().labels, 'carna.node': 'n2', 'carna.owner': 'dead' };
  engine.listed = [summary({ id: 'x1', name: 'left', labels })];
  engine.faults.set('remove', new ServerStartError('disk is full'));
  const bench = new Bench({}, engine);
  assert.equal(await bench.runtime.adopt(), null);
  assert.ok(bench.log.lines.some((l) => l.includes('cannot remove') && l.includes('"left"')));
  engine.faults.clear();
  assert.equal(await bench.runtime.adopt(), null);
  assert.ok(bench.log.lines.some((l) => l.startsWith('removed') && l.includes('"left"')));
});

const NAMELESS = 'ab'.repeat(32);
const volume = (name: string, destination: string) => {
  return { type: 'volume', name, source: '/v', destination, isReadOnly: false };
};

for (const [what, isShared, fault, volumes] of [
  ['goes with it', false, null, [NAMELESS]],
  ['that another container has stays', true, null, []],
  ['that cannot be removed holds nothing up', false, new ServerStartError('disk is full'), []],
] as const) {
  test(`the nameless volume of what a dead agent left: one ${what}`, async () => {
    const engine = new FakeEngine();
    engine.listed = [
      summary({ status: 'exited', labels: { ...summary().labels, 'carna.owner': 'dead' } }),
    ];
    const mounts = [volume(NAMELESS, '/run/carna'), volume('named', '/other')];
    engine.containers.set(SERVER_ID, container({ id: SERVER_ID, isRunning: false, mounts }));
    if (isShared) engine.containers.set('other', container({ id: 'other', mounts }));
    if (fault !== null) engine.faults.set('removeVolume', fault);
    const bench = new Bench({}, engine);
    assert.equal(await bench.runtime.adopt(), null);
    const line = bench.log.lines.find((l) => l.startsWith('removed a container')) ?? '';
    assert.ok(line.includes(`"volumes":${JSON.stringify(volumes)}`), line);
  });
}

test('a leftover of this node that cannot be removed prevents the start', async () => {
  const engine = new FakeEngine();
  engine.listed = [summary({ status: 'exited' })];
  engine.faults.set('remove', new ServerStartError('disk is full'));
  const err = await new Bench().fails(new Bench({}, engine).runtime.adopt());
  assert.equal(err.message, 'disk is full');
});
