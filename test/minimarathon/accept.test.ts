import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './support.js';
import { host, sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

test('malformed JSON is 400, with the parser’s own words', () =>
  withRig(async (rig) => {
    const reply = await rig.send('POST', '/v2/apps', '{"id":');
    assert.equal(reply.status, 400);
    assert.equal(typeof reply.body.details, 'string');
  }));

test('an invalid definition is 422 and says where', () =>
  withRig(async (rig) => {
    const reply = await rig.send('PUT', '/v2/apps/a', { cmd: 'sleep 1', cpus: -1 });
    assert.equal(reply.status, 422);
    const details = reply.body.details as { path: string; errors: string[] }[];
    assert.ok(details.some(({ path, errors }) => path === '/cpus' && errors.length > 0));
    assert.equal((await rig.send('POST', '/v2/apps', { id: '/a' })).status, 422);
    assert.equal((await rig.send('GET', '/v2/apps/a')).status, 404);
  }));

test('a merge that would be invalid is 422 and changes nothing', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/apps', sleeper('/a'), 201);
    const both = { networks: [{ mode: 'container/bridge' }], portDefinitions: [{ port: 1 }] };
    await rig.change('PUT', '/v2/apps/a', both, 422);
    assert.deepEqual((await rig.app('/a')).networks, [{ mode: 'host' }]);
  }));

test('members that Marathon does not know are dropped without a word', () =>
  withRig(async (rig) => {
    const app = sleeper('/a', {
      requirePort: true,
      container: {
        type: 'docker',
        docker: { image: 'x', requirePorts: true, forcePull: true },
        volumes: [{ containerPath: '/a', hostPath: '/b', mode: 'ro', extra: 1 }],
      },
      healthChecks: [{ protocol: 'mesos_http', port: 9100, gracePeriod: 3 }],
    });
    await rig.change('POST', '/v2/apps', app, 201);
    const kept = await rig.app('/a');
    assert.equal('requirePort' in kept, false);
    assert.deepEqual(kept.container, {
      type: 'DOCKER',
      docker: { image: 'x' },
      volumes: [{ containerPath: '/a', hostPath: '/b', mode: 'RO' }],
    });
    const [check] = kept.healthChecks as Json[];
    assert.equal(check?.protocol, 'MESOS_HTTP');
    assert.equal(check?.gracePeriodSeconds, 300);
    assert.equal('gracePeriod' in (check ?? {}), false);
  }));

test('a circle of dependencies is 422', () =>
  withRig(async (rig) => {
    const group = {
      apps: [sleeper('a', { dependencies: ['b'] }), sleeper('b', { dependencies: ['a'] })],
    };
    await rig.change('PUT', '/v2/groups/g', group, 422);
    assert.equal((await rig.send('GET', '/v2/apps/g/a')).status, 404);
  }));

test('an app that exists cannot be created again; PATCH creates none', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/apps', sleeper('/a'), 201);
    await rig.change('POST', '/v2/apps', sleeper('/a'), 409);
    await rig.change('PATCH', '/v2/apps/b', { instances: 1 }, 404);
    await rig.change('DELETE', '/v2/apps/b', undefined, 404);
    await rig.settle('DELETE', '/v2/apps/a');
    await rig.change('DELETE', '/v2/apps/a', undefined, 404);
    assert.ok(rig.driver.tasks.every(({ isEnded }) => isEnded));
  }));

test('what a task sees: Marathon’s variables, and the user’s own above them', () =>
  withRig(
    async (rig) => {
      const app = {
        id: MEDIA,
        args: ['agent', '--now'],
        cpus: 0.5,
        mem: 64,
        env: { PORT0: 'mine', CARNA_ROLE: 'media' },
        labels: { 'carna.role': 'media', long: 'x'.repeat(512) },
        requirePorts: true,
        portDefinitions: [
          { port: 5060, protocol: 'udp,tcp', name: 'sip' },
          { port: 9100, name: 'agent-http' },
        ],
        container: {
          docker: { image: 'carna:1', parameters: [{ key: 'init', value: 'true' }] },
          volumes: [{ containerPath: '/secrets', hostPath: '/etc/carna', mode: 'RO' }],
        },
      };
      await rig.settle('POST', '/v2/apps', app, 201);
      const [task] = await rig.tasks(MEDIA);
      const { spec } = rig.driver.tasks[0] ?? assert.fail('no task');
      const { MESOS_CONTAINER_NAME: name, ...env } = spec.env;
      assert.match(name ?? '', /^mesos-[0-9a-f-]{36}$/);
      assert.deepEqual(env, {
        HOST: 'h1',
        PORT: '5060',
        PORT0: 'mine',
        PORT1: '9100',
        PORTS: '5060,9100',
        PORT_5060: '5060',
        PORT_9100: '9100',
        PORT_SIP: '5060',
        'PORT_AGENT-HTTP': '9100',
        CARNA_ROLE: 'media',
        MESOS_TASK_ID: task?.id,
        MESOS_SANDBOX: '/mnt/mesos/sandbox',
        MESOS_ALLOCATION_ROLE: '*',
        MARATHON_APP_ID: MEDIA,
        MARATHON_APP_VERSION: task?.version,
        MARATHON_APP_DOCKER_IMAGE: 'carna:1',
        MARATHON_APP_RESOURCE_CPUS: '0.5',
        MARATHON_APP_RESOURCE_MEM: '64.0',
        MARATHON_APP_RESOURCE_DISK: '0.0',
        MARATHON_APP_RESOURCE_GPUS: '0',
        MARATHON_APP_LABELS: 'CARNA_ROLE',
        MARATHON_APP_LABEL_CARNA_ROLE: 'media',
      });
      assert.deepEqual(spec.command, ['agent', '--now']);
      assert.deepEqual(spec.parameters, [
        { key: 'init', value: 'true' },
        { key: 'label', value: `MESOS_TASK_ID=${spec.taskId}` },
      ]);
      assert.deepEqual(spec.volumes, [
        { containerPath: '/secrets', hostPath: '/etc/carna', mode: 'RO' },
      ]);
      assert.deepEqual(task?.ports, [5060, 9100]);
    },
    { hosts: [host('h1')] },
  ));

test('without requirePorts the ports come from the offer, and no two tasks share one', () =>
  withRig(
    async (rig) => {
      const portDefinitions = [{ port: 5060 }, { port: 0 }];
      await rig.settle('POST', '/v2/apps', sleeper('/a', { instances: 3, portDefinitions }), 201);
      const ports = (await rig.tasks('/a')).flatMap((task) => task.ports as number[]);
      assert.equal(new Set(ports).size, 6);
      const { env } = rig.driver.tasks[1]?.spec ?? assert.fail('no task');
      assert.equal(env.PORT_5060, env.PORT0);
    },
    { hosts: [host('h1')] },
  ));
