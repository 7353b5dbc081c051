import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupPathOf, selfNames } from '../../src/agent/runtime/docker-self.js';

const HINTS = {
  cgroup: '',
  mountinfo: '',
  hasDockerEnv: false,
  hostname: 'host1',
  mesosContainer: null,
};
const ID = '0123456789abcdef'.repeat(4);

test('a process knows its container by the files that Docker mounts', () => {
  const mountinfo = `89 72 254:0 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/vda rw`;
  assert.deepEqual(selfNames({ ...HINTS, mountinfo }), [ID]);
});

test('on a host, mounts of other containers tell nothing', () => {
  const mountinfo = `89 72 0:52 / /var/lib/docker/containers/${ID}/mounts/shm rw - tmpfs shm rw`;
  assert.deepEqual(selfNames({ ...HINTS, mountinfo }), []);
});

test('a process knows its container by its control group, also by that of systemd', () => {
  assert.deepEqual(selfNames({ ...HINTS, cgroup: `4:memory:/docker/${ID}\n0::/` }), [ID]);
  assert.deepEqual(selfNames({ ...HINTS, cgroup: `0::/system.slice/docker-${ID}.scope` }), [ID]);
});

test('a process in the network of another container knows its own by the control group or by Mesos', () => {
  const other = 'f'.repeat(64);
  const mountinfo = `89 72 254:0 /var/lib/docker/containers/${other}/hosts /etc/hosts rw - ext4 /dev/vda rw`;
  assert.equal(selfNames({ ...HINTS, mountinfo, cgroup: `4:memory:/docker/${ID}` })[0], ID);
  assert.equal(selfNames({ ...HINTS, mountinfo, mesosContainer: 'mesos-1' })[0], 'mesos-1');
});

test('Mesos’ name comes before a host name, which counts only inside a container', () => {
  const hostname = '0123456789ab';
  const inside = { ...HINTS, hasDockerEnv: true, hostname, mesosContainer: 'mesos-1' };
  assert.deepEqual(selfNames(inside), ['mesos-1', hostname]);
  assert.deepEqual(selfNames({ ...HINTS, hostname }), []);
});

test('the control group is the memory controller’s, and hidden where its end is not the id', () => {
  const v1 = `9:name=systemd:/other\n4:memory:/mesos/x/${ID}\n3:cpuset:/`;
  assert.equal(cgroupPathOf(v1, ID), `/mesos/x/${ID}`);
  assert.equal(cgroupPathOf(`0::/docker/${ID}`, ID), `/docker/${ID}`);
  assert.equal(cgroupPathOf('4:memory:/\n0::/', ID), null);
  assert.equal(cgroupPathOf(`4:memory:/docker/${ID}/deeper`, ID), null);
});
