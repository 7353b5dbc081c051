import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { docker, imageOf, startContainer, until } from './support/docker.js';
import type { HostNetwork } from './support/hosts.js';
import { openHosts } from './support/hosts.js';

const PORT = 7_000;
const SERVER = `require('node:http').createServer((_, reply) => reply.end('here')).listen(${PORT}, '0.0.0.0')`;
const ASK_LIMIT_MS = 1_000;
let network: HostNetwork;

before(async () => {
  network = await openHosts(2);
});
after(() => network.close());

/** Starts a web server on a host; gives its container. */
function serverOn(t: TestContext, n: number): Promise<string> {
  const options = [`--network=container:${network.hosts[n]?.pause}`, '--entrypoint=node'];
  return startContainer(t, options, imageOf('carna'), '-e', SERVER);
}

const urlOf = (n: number): string => `http://${network.hosts[n]?.hostname}:${PORT}/`;

async function answerOf(url: string): Promise<string> {
  try {
    // A connection that was kept would stay stuck for a while after the host is back.
    const headers = { connection: 'close' };
    return await (await fetch(url, { headers, signal: AbortSignal.timeout(ASK_LIMIT_MS) })).text();
  } catch {
    return 'nothing';
  }
}

/** What a container on another host gets from there. */
function answerFrom(container: string, url: string): Promise<string> {
  const ask = `fetch('${url}', { signal: AbortSignal.timeout(${ASK_LIMIT_MS}) })
    .then((reply) => reply.text()).catch(() => 'nothing')
    .then((text) => process.stdout.write(text, () => process.exit()))`;
  return docker('exec', container, 'node', '-e', ask);
}

const turns = (wanted: string, ask: () => Promise<string>): Promise<true> =>
  until(`the answer ${wanted}`, async () => (await ask()) === wanted || null);

test('hosts reach each other and this machine reaches them, on ports of their own', async (t) => {
  const [first] = await Promise.all([serverOn(t, 0), serverOn(t, 1)]);
  await turns('here', () => answerOf(urlOf(0)));
  await turns('here', () => answerOf(urlOf(1)));
  assert.equal(await answerFrom(first, urlOf(1)), 'here');
});

test('a lost host reaches nobody and runs on; given back it is there again', async (t) => {
  const [first, second] = await Promise.all([serverOn(t, 0), serverOn(t, 1)]);
  const { hostname } = network.hosts[0] ?? { hostname: '' };
  await turns('here', () => answerOf(urlOf(0)));
  await turns('here', () => answerFrom(first, urlOf(1)));
  await network.lose(hostname);
  assert.equal(await answerOf(urlOf(0)), 'nothing');
  assert.equal(await answerFrom(first, urlOf(1)), 'nothing');
  assert.equal(await answerFrom(second, urlOf(0)), 'nothing');
  assert.equal(await answerFrom(first, `http://127.0.0.1:${PORT}/`), 'here');
  assert.equal(await answerFrom(second, urlOf(1)), 'here');
  await network.giveBack(hostname);
  await turns('here', () => answerOf(urlOf(0)));
  await turns('here', () => answerFrom(first, urlOf(1)));
});

test('two networks at once have addresses of their own; a closed one leaves no link and no container', async () => {
  const other = await openHosts(1);
  assert.notEqual(other.gateway, network.gateway);
  assert.ok(networkInterfaces()[other.link]);
  await other.close();
  await other.close();
  assert.equal(networkInterfaces()[other.link], undefined);
  const names = await docker('ps', '--all', '--format', '{{.Names}}');
  assert.ok(!names.includes(other.hosts[0]?.pause ?? 'none'));
});

const HOSTS_MODULE = join(process.cwd(), 'dist/test/images/support/hosts.js');

test('what a killed run left is gone with the next one', async () => {
  const script = `const { openHosts } = await import('${HOSTS_MODULE}');
    const { link, hosts } = await openHosts(1);
    console.log([link, hosts[0].pause].join(' '));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const said = await new Promise<string>((resolve) => {
    child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()));
    child.once('exit', () => resolve(''));
  });
  const [link = '', pause = ''] = said.split(' ');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  assert.ok(networkInterfaces()[link], `the killed run left ${link}`);
  await (await openHosts(1)).close();
  await until(`the end of ${link}`, async () => (networkInterfaces()[link] ? null : true));
  assert.ok(!(await docker('ps', '--all', '--format', '{{.Names}}')).includes(pause));
  assert.ok(networkInterfaces()[network.link], 'the network of this living process is untouched');
});
