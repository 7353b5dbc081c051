import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SharedPaths } from '../../src/agent/runtime/docker-mounts.js';
import { deriveMounts } from '../../src/agent/runtime/docker-mounts.js';
import type { ContainerFacts, MountFacts } from '../../src/agent/runtime/docker-port.js';
import { redactor } from '../../src/agent/runtime/docker-redact.js';
import type { DockerServer } from '../../src/agent/runtime/docker-spec.js';
import {
  canAutoRemove,
  containerName,
  deriveCreateBody,
} from '../../src/agent/runtime/docker-spec.js';
import { MissingPartError } from '../../src/util/errors.js';
import { container, OWN_ID } from './support/docker-fakes.js';

const bind = (destination: string, source = `/host${destination}`): MountFacts => {
  return { type: 'bind', name: '', source, destination, isReadOnly: false };
};
const volume = (destination: string, name: string): MountFacts => {
  const source = `/var/lib/docker/volumes/${name}/_data`;
  return { type: 'volume', name, source, destination, isReadOnly: false };
};
const tmpfs = (destination: string): MountFacts => {
  return { type: 'tmpfs', name: '', source: '', destination, isReadOnly: false };
};
const PATHS: SharedPaths = {
  stateDir: '/var/lib/carna',
  ctlSocket: '/run/kamailio/kamailio_ctl',
  further: [],
  dockerSocket: '/var/run/docker.sock',
};
const SERVER: DockerServer = {
  ...PATHS,
  ctlSocket: null,
  image: 'carna/kamailio:1',
  command: ['kamailio', '-DD'],
  env: { A: 'b', EMPTY: '' },
  kind: 'kamailio',
  nodeId: 'n1',
  taskId: 'task.1',
  appId: '/carna/lb',
  limits: { memoryBytes: 268_435_456, cpus: 0.25 },
  labels: {},
};

function mountsOf(mounts: readonly MountFacts[] | null, more: Partial<SharedPaths> = {}): string[] {
  const own = mounts === null ? null : container({ mounts });
  return deriveMounts(own, { ...PATHS, ...more }).map(
    (m) => `${m.Type} ${m.Source}:${m.Target}${m.ReadOnly ? ':ro' : ''}`,
  );
}

function refused(mounts: readonly MountFacts[] | null, more: Partial<SharedPaths> = {}): string {
  try {
    mountsOf(mounts, more);
  } catch (err) {
    assert.ok(err instanceof MissingPartError);
    return err.message;
  }
  throw new Error('nothing was refused');
}

test('the server’s container is bound to the agent’s', () => {
  const own = container({ networkMode: 'bridge', mounts: [bind('/var/lib/carna')] });
  const place = { own, cgroupParent: `/docker/${OWN_ID}`, isAutoRemoved: true };
  assert.deepEqual(deriveCreateBody(SERVER, place, 'life-1'), {
    Image: 'carna/kamailio:1',
    Cmd: ['kamailio', '-DD'],
    Env: ['A=b', 'EMPTY='],
    Labels: {
      'carna.task': 'task.1',
      'carna.app': '/carna/lb',
      'carna.node': 'n1',
      'carna.kind': 'kamailio',
      'carna.instance': 'life-1',
      'carna.owner': OWN_ID,
    },
    HostConfig: {
      NetworkMode: `container:${OWN_ID}`,
      PidMode: `container:${OWN_ID}`,
      CgroupParent: `/docker/${OWN_ID}`,
      RestartPolicy: { Name: 'no' },
      AutoRemove: true,
      Init: false,
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      Mounts: [
        {
          Type: 'bind',
          Source: '/host/var/lib/carna',
          Target: '/var/lib/carna',
          ReadOnly: false,
        },
      ],
    },
  });
});

interface Placed {
  readonly name: string;
  readonly own: ContainerFacts | null;
  readonly cgroupParent: string | null;
  readonly wanted: readonly unknown[];
}

const placed: readonly Placed[] = [
  {
    name: 'an agent on the host’s network gives the server the same',
    own: container({ networkMode: 'host' }),
    cgroupParent: '/x',
    wanted: ['host', `container:${OWN_ID}`, '/x', undefined, undefined],
  },
  {
    name: 'without a control group of the agent’s the limits are explicit',
    own: container({ networkMode: 'host' }),
    cgroupParent: null,
    wanted: ['host', `container:${OWN_ID}`, undefined, 268_435_456, 250_000_000],
  },
  {
    name: 'an agent in no container gives the host’s network and binds nothing',
    own: null,
    cgroupParent: null,
    wanted: ['host', undefined, undefined, 268_435_456, 250_000_000],
  },
];
for (const { name, own, cgroupParent, wanted } of placed) {
  test(name, () => {
    const place = { own, cgroupParent, isAutoRemoved: false };
    const { HostConfig: h } = deriveCreateBody(SERVER, place, 'life-1');
    assert.deepEqual([h.NetworkMode, h.PidMode, h.CgroupParent, h.Memory, h.NanoCpus], wanted);
    assert.equal(h.AutoRemove, false);
  });
}

test('the image’s own command is left to the image, and unknown limits set none', () => {
  const server = { ...SERVER, command: null, limits: { memoryBytes: null, cpus: null } };
  const place = { own: null, cgroupParent: null, isAutoRemoved: true };
  const body = deriveCreateBody(server, place, 'life-1');
  assert.equal('Cmd' in body, false);
  assert.equal('Memory' in body.HostConfig || 'NanoCpus' in body.HostConfig, false);
});

test('a container’s name is never one of Mesos’ and always one of Docker’s', () => {
  assert.equal(containerName('kamailio', '3fa2c1d0-1234-5678'), 'carna-kamailio-3fa2c1d0-123');
  assert.equal(containerName('freeswitch', 'a:b/c'), 'carna-freeswitch-a_b_c');
});

test('an engine that would kill what it shall remove is not asked to remove it', () => {
  const engine = { cgroupDriver: 'cgroupfs', isLiveRestore: true, majorVersion: 20 };
  assert.equal(canAutoRemove(engine), false);
  assert.equal(canAutoRemove({ ...engine, majorVersion: 0 }), false);
  assert.equal(canAutoRemove({ ...engine, majorVersion: 25 }), true);
  assert.equal(canAutoRemove({ ...engine, isLiveRestore: false }), true);
});

test('the mount nearest above a shared path is given on, once', () => {
  const mounts = [
    bind('/'),
    bind('/var/lib/carna'),
    bind('/var/lib'),
    volume('/run/kamailio', 'ctl'),
  ];
  assert.deepEqual(mountsOf(mounts), [
    'bind /host/var/lib/carna:/var/lib/carna',
    'volume ctl:/run/kamailio',
  ]);
  const one = [volume('/data', 'd')];
  const paths = { stateDir: '/data/state', ctlSocket: '/data/run/ctl' };
  assert.deepEqual(mountsOf(one, paths), ['volume d:/data']);
});

test('a path whose name only begins alike is in no mount', () =>
  assert.match(refused([bind('/run/kam')]), /\/run\/kamailio, is in no mount/));

test('the state of an agent need not be shared', () =>
  assert.deepEqual(mountsOf([tmpfs('/var/lib/carna')], { ctlSocket: null }), []));

test('an agent in no container shares the folders themselves', () =>
  assert.deepEqual(mountsOf(null), [
    'bind /var/lib/carna:/var/lib/carna',
    'bind /run/kamailio:/run/kamailio',
  ]));

test('further mounts come after, and win at the same place', () => {
  const further = ['/etc/kamailio:/etc/kamailio:ro', 'sounds:/sounds', '/x:/run/kamailio'];
  assert.deepEqual(mountsOf([bind('/run/kamailio')], { further }), [
    'bind /x:/run/kamailio',
    'bind /etc/kamailio:/etc/kamailio:ro',
    'volume sounds:/sounds',
  ]);
});

test('a missing mount of the control socket is told with the mount to add', () => {
  assert.equal(
    refused([]),
    'the folder of the control socket, /run/kamailio, is in no mount of the agent’s container mesos-1\n'.replace(
      '’',
      "'",
    ) +
      '  remedy: give that container a volume at /run/kamailio (docker run -v carna-run:/run/kamailio), or set CARNA_CTL_SOCKET to a path in one of its volumes',
  );
  assert.match(refused([tmpfs('/run')]), /is in a tmpfs, which no other container can share/);
});

const sockets: readonly (readonly [string, readonly MountFacts[] | null, Partial<SharedPaths>])[] =
  [
    [
      'the folder of the ctl socket holds it',
      [bind('/run', '/run')],
      { dockerSocket: '/run/docker.sock' },
    ],
    ['it is named through /var/run', [bind('/run', '/run')], {}],
    [
      'a further mount is the socket',
      [bind('/run/kamailio')],
      { further: ['/var/run/docker.sock:/s'] },
    ],
    ['a further mount is its folder', [bind('/run/kamailio')], { further: ['/run/:/host-run'] }],
    ['a further mount is the whole host', [bind('/run/kamailio')], { further: ['/:/host:ro'] }],
    [
      'the socket lies elsewhere on the host',
      [bind('/run/kamailio'), bind('/var/run/docker.sock', '/opt/engine/docker.sock')],
      { further: ['/opt/engine:/x'] },
    ],
    ['the agent runs in no container', null, { ctlSocket: '/run/kamailio_ctl' }],
  ];
for (const [name, mounts, more] of sockets) {
  test(`Docker’s socket is never shared: ${name}`, () =>
    assert.match(refused(mounts, more), /would hand Docker's socket to the SIP server/));
}

test('secrets are known by the names of their variables, passwords by their place in a URL', () => {
  const hide = redactor({
    PGPASSWORD: 'hunter22',
    ESL_PASSWORD: 'no',
    ROLE: 'media',
    API_KEY: 'k-1234',
  });
  assert.equal(hide('media hunter22 k-1234 no'), 'media [hidden] [hidden] no');
  assert.equal(hide('to postgres://u:pw@h:5432/d'), 'to postgres://u:[hidden]@h:5432/d');
  assert.equal(hide('sip:alice@h and http://h/a@b'), 'sip:alice@h and http://h/a@b');
});
