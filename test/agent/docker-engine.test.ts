import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { openDockerEngine } from '../../src/agent/runtime/docker-engine.js';
import { dockerFault, shortMessage } from '../../src/agent/runtime/docker-faults.js';
import type { DockerEngine } from '../../src/agent/runtime/docker-port.js';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import { testDir } from '../support/resources.js';
import { FakeTime, flush } from './support/fake-time.js';

const time = new FakeTime();
const open: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listening(server: Server): Promise<DockerEngine> {
  const path = join(testDir('engine'), 'docker.sock');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  open.push({ server, sockets });
  return openDockerEngine(path, time);
}

const answering = (
  use: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<DockerEngine> => listening(createServer(use));

const raw = (bytes: string): Promise<DockerEngine> =>
  listening(createNetServer((socket) => socket.once('data', () => socket.write(bytes))));

const json = (status: number, body: unknown): Promise<DockerEngine> =>
  answering((_, res) => res.writeHead(status).end(JSON.stringify(body)));

async function fault(call: Promise<unknown>): Promise<ServerStartError | MissingPartError> {
  const err: unknown = await call.then(
    () => null,
    (e: unknown) => e,
  );
  assert.ok(err instanceof ServerStartError || err instanceof MissingPartError, String(err));
  return err;
}

test('a socket that is not there is a missing part, told with the ways out', async () => {
  const path = join(testDir('engine'), 'none.sock');
  const err = await fault((await openDockerEngine(path, time)).ping());
  assert.ok(err instanceof MissingPartError);
  assert.equal(
    err.message,
    `Docker's socket ${path} is not there\n  remedy: mount it into the agent's container, or set CARNA_DOCKER_SOCKET or CARNA_RUNTIME=process`,
  );
});

test('a socket without an engine is worth a retry, and a file that is no socket is not', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const retry = dockerFault(refused, 'asking', '/s', false);
  assert.ok(retry instanceof ServerStartError);
  assert.match(retry.message, /no Docker engine listens at \/s .*mount the socket's folder/);
  const file = Object.assign(new Error('no socket'), { code: 'ENOTSOCK' });
  assert.match(dockerFault(file, 'asking', '/s', false).message, /^\/s is no socket\n {2}remedy/);
});

test('a socket that may not be used names its group', () => {
  const path = testDir('engine');
  const denied = Object.assign(new Error('denied'), { code: 'EACCES' });
  const err = dockerFault(denied, 'asking', path, false);
  assert.ok(err instanceof MissingPartError);
  assert.match(err.message, /may not use Docker's socket .* group with id \d+\n {2}remedy: add/);
});

test('once an engine answered, a socket that vanishes is worth a retry', () => {
  const gone = Object.assign(new Error('gone'), { code: 'ENOENT' });
  assert.ok(dockerFault(gone, 'asking', '/s', true) instanceof ServerStartError);
  assert.ok(dockerFault(gone, 'asking', '/s', false) instanceof MissingPartError);
});

test('an engine that answers nothing is given up after the deadline', async () => {
  let given = (): void => undefined;
  const isGivenUp = new Promise<void>((resolve) => (given = resolve));
  let asked = (): void => undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  const engine = await answering((req) => {
    req.socket.once('close', given);
    asked();
  });
  const call = fault(engine.ping());
  await isAsked;
  await time.advance(10_000);
  assert.match((await call).message, /asking for an answer: no answer within 10000 ms$/);
  await isGivenUp;
});

test('an answer that breaks off is given up after the deadline', async () => {
  const half = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"Id": "ab';
  const engine = await raw(half);
  const call = fault(engine.inspect('x'));
  await new Promise((resolve) => setImmediate(resolve));
  await flush();
  await time.advance(10_000);
  assert.match((await call).message, /inspecting container x: no answer within 10000 ms$/);
});

const strange: readonly (readonly [string, () => Promise<DockerEngine>])[] = [
  ['HTML', () => answering((_, res) => res.end('<html>It works!</html>'))],
  ['half JSON', () => answering((_, res) => res.end('{"Id": "ab'))],
  ['other JSON', () => json(200, { hello: 1 })],
  ['no HTTP', () => raw('SSH-2.0-OpenSSH_9.2\r\n')],
];
for (const [name, engineOf] of strange) {
  test(`what answers ${name} is no Docker`, async () => {
    const engine = await engineOf();
    for (const call of [engine.ping(), engine.inspect('x'), engine.list('l')]) {
      assert.match((await fault(call)).message, /does not speak Docker's API; check CARNA_DOCKER_/);
    }
  });
}

test('no such container is null, any other refusal is told in Docker’s words', async () => {
  assert.equal(await (await json(404, { message: 'No such container: x' })).inspect('x'), null);
  assert.equal(await (await json(409, { message: 'is not running' })).kill('x', 'SIGTERM'), false);
  const err = await fault((await json(500, { message: 'disk is full' })).start('x'));
  assert.equal(err.message, 'starting the container: Docker answered 500: disk is full');
});

test('DOCKER_HOST of the environment changes nothing', async () => {
  const before = process.env['DOCKER_HOST'];
  process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
  try {
    await (await answering((_, res) => res.end('OK'))).ping();
    process.env['DOCKER_HOST'] = 'tcp://not a host';
    await assert.rejects(openDockerEngine('/x', time), /unset DOCKER_HOST/);
  } finally {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
  }
});

test('a stream ends quietly when it is wanted no more, and with a fault when it breaks', async () => {
  const engine = await answering((_, res) => res.write('{"Action":"oom"}\n'));
  const over = new AbortController();
  const seen: string[] = [];
  for await (const event of await engine.events('x', 0, over.signal)) {
    seen.push(event.action);
    over.abort();
  }
  assert.deepEqual(seen, ['oom']);
  const broken = await answering((req, res) => {
    res.write('{"Action":"oom"}\n');
    setImmediate(() => req.socket.destroy());
  });
  const events = await broken.events('x', 0, new AbortController().signal);
  await assert.rejects(async () => {
    for await (const event of events) seen.push(event.action);
  }, ServerStartError);
});

test('a stream that began in time has no deadline any more', async () => {
  let write = (): void => undefined;
  const engine = await answering((_, res) => {
    res.write('{"Action":"oom"}\n');
    write = () => res.end('{"Action":"die"}\n');
  });
  const seen: string[] = [];
  for await (const event of await engine.events('x', 0, new AbortController().signal)) {
    seen.push(event.action);
    await time.advance(3_600_000);
    write();
  }
  assert.deepEqual(seen, ['oom', 'die']);
});

test('of Docker’s chain of causes the end is told', () => {
  const long =
    'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown';
  assert.equal(shortMessage(long), 'exec: "nope": executable file not found in $PATH');
  assert.equal(shortMessage('No such image:\n x:1'), 'No such image: x:1');
  assert.equal(shortMessage('x'.repeat(400)).length, 301);
});

for (const [status, isRemoved] of [
  [204, true],
  [404, false],
  [409, false],
] as const) {
  test(`a volume whose removal is answered with ${status} is ${isRemoved ? '' : 'not '}removed`, async () => {
    const asked: string[] = [];
    const engine = await answering((req, res) => {
      asked.push(`${req.method} ${req.url}`);
      res.writeHead(status).end(status === 204 ? '' : '{"message":"no"}');
    });
    assert.equal(await engine.removeVolume('abc'), isRemoved);
    assert.deepEqual(asked, ['DELETE /volumes/abc']);
  });
}

test('a container is removed with the volumes that were made for it', async () => {
  const asked: string[] = [];
  const engine = await answering((req, res) => {
    asked.push(req.url ?? '');
    res.writeHead(204).end();
  });
  await engine.remove('c1');
  assert.match(asked.join(), /[?&]v=true/);
});
