import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressPorts } from '../../src/cli/daemons/task-address.js';
import { systemAddressPorts, withSipHost } from '../../src/cli/daemons/task-address.js';
import type { Env } from '../../src/config/variables.js';
import { ConfigError, MissingPartError } from '../../src/util/errors.js';
import { testDir } from '../support/resources.js';

const TASK: Env = { MESOS_TASK_ID: 'carna_dc1_media.instance-1f2e._app.1', HOST: '10.0.3.11' };

interface World {
  readonly interfaces?: Readonly<Record<string, readonly string[]>>;
  /** Addresses by name. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

/** A machine; `lookups` lists the names that were asked for. */
function machine({ interfaces = {}, names = {} }: World = {}): AddressPorts & {
  readonly lookups: string[];
} {
  let memory: string | null = null;
  const lookups: string[] = [];
  return {
    lookups,
    interfaces: () => interfaces,
    lookup: (name) => {
      lookups.push(name);
      const found = names[name];
      return found === undefined
        ? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`))
        : Promise.resolve(found);
    },
    remembered: () => memory,
    remember: (text) => {
      memory = text;
    },
  };
}

async function check(env: Env, world: World, expected: string | undefined): Promise<void> {
  const found = await withSipHost(env, machine(world));
  assert.deepEqual(found, expected === undefined ? env : { ...env, CARNA_SIP_HOST: expected });
}

const CARDS = { interfaces: { lo: ['127.0.0.1'], eth0: [], eth1: ['10.9.0.4', '10.9.0.5'] } };

test('in a Mesos task the address of HOST is the node’s', () => check(TASK, {}, '10.0.3.11'));
test('CARNA_SIP_HOST comes first', () =>
  check({ ...TASK, CARNA_SIP_HOST: '10.1.1.1', CARNA_SIP_INTERFACE: 'eth1' }, CARDS, undefined));
test('an interface comes before HOST, in a task or not', async () => {
  await check({ ...TASK, CARNA_SIP_INTERFACE: 'eth1' }, CARDS, '10.9.0.4');
  await check({ CARNA_SIP_INTERFACE: 'eth1' }, CARDS, '10.9.0.4');
});
test('outside of Mesos HOST means nothing: shells set it', () =>
  check({ HOST: '10.0.3.11' }, {}, undefined));
test('Marathon’s prefix is put before HOST', async () => {
  const env = { ...TASK, CARNA_TASK_ENV_PREFIX: 'M_', M_HOST: '10.0.3.12' };
  await check(env, {}, '10.0.3.12');
  await check({ ...TASK, CARNA_TASK_ENV_PREFIX: 'M_' }, {}, undefined);
});
test('an address of IPv6 is written in brackets', () =>
  check({ ...TASK, HOST: '2001:db8::4' }, {}, '[2001:db8::4]'));
test('a name is looked up; IPv4 before IPv6, never a loopback', () =>
  check(
    { ...TASK, HOST: 'agent-3' },
    { names: { 'agent-3': ['127.0.1.1', '2001:db8::4', '10.0.3.13'] } },
    '10.0.3.13',
  ));

test('a name is looked up once in the life of a task: later agents have the same address', async () => {
  const names: Record<string, readonly string[]> = { 'agent-3': ['10.0.3.13'] };
  const ports = machine({ names });
  const env = { ...TASK, HOST: 'agent-3' };
  await withSipHost(env, ports);
  names['agent-3'] = ['10.0.3.99'];
  assert.equal((await withSipHost(env, ports))['CARNA_SIP_HOST'], '10.0.3.13');
  assert.deepEqual(ports.lookups, ['agent-3']);
  const next = await withSipHost({ ...env, MESOS_TASK_ID: 'carna.instance-2._app.1' }, ports);
  assert.equal(next['CARNA_SIP_HOST'], '10.0.3.99', 'another task');
});

test('what is remembered stands in the state folder, and only there', async () => {
  const ports = systemAddressPorts(testDir('sip-host'));
  assert.equal(ports.remembered(), null);
  ports.remember('task name 10.0.0.1');
  assert.equal(ports.remembered(), 'task name 10.0.0.1');
  systemAddressPorts('/nowhere/at/all').remember('x');
  assert.equal(systemAddressPorts('').remembered(), null);
});

type Refusal = typeof ConfigError | typeof MissingPartError;

async function refused(env: Env, world: World, kind: Refusal, says: RegExp): Promise<void> {
  await assert.rejects(withSipHost(env, machine(world)), (err) => {
    assert.ok(err instanceof kind);
    assert.match(err.message, says);
    return true;
  });
}

test('an interface that is not there is refused with those that are', async () => {
  const says = /CARNA_SIP_INTERFACE: .*\(lo, eth0, eth1\), found "eth7"/;
  await refused({ ...TASK, CARNA_SIP_INTERFACE: 'eth7' }, CARDS, ConfigError, says);
  await refused({ ...TASK, CARNA_SIP_INTERFACE: 'eth0' }, CARDS, ConfigError, /found "eth0"/);
});

test('a name that nobody knows, or that stands for a loopback, is refused with the remedy', async () => {
  const env = { ...TASK, HOST: 'agent-3' };
  await refused(env, {}, MissingPartError, /HOST is agent-3.*ENOTFOUND[^]*CARNA_SIP_INTERFACE/);
  const names = { 'agent-3': ['127.0.1.1'] };
  await refused(env, { names }, MissingPartError, /127\.0\.1\.1: no other node could reach it/);
});
