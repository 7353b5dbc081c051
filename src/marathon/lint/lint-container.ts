import type { Definition } from './definition.js';
import type { Finding, Rule } from './finding.js';
import { below, isList, isObject, itemsOf, membersOf, numberOf, shown, textOf } from './json.js';
import type { At } from './json.js';

/** Options of `docker run` that take from Marathon what is Marathon's. */
const TAKEN: Readonly<Record<string, string>> = {
  restart: 'Docker would restart the task behind Marathon’s back: a killed node comes back',
  net: 'it overrides "networks" without Marathon knowing',
  network: 'it overrides "networks" without Marathon knowing',
  name: 'a second instance on the host cannot start, and Mesos no longer finds the container',
  rm: 'Mesos removes the container itself',
  'stop-timeout': 'taskKillGracePeriodSeconds is what counts',
};

/** Rules on what is started and how it is stopped; also on the state that it would keep. */
export function lintContainer(of: Definition): Finding[] {
  if (of.kind === 'pod') return lintPod(of);
  return [
    ...lintCommand(of),
    ...lintEngine(of),
    ...lintImage(of, below(of.top, 'container', 'docker', 'image')),
    ...itemsOf(below(of.top, 'container', 'docker', 'parameters')).flatMap(lintParameter),
    ...lintState(of),
    ...lintSingle(of),
    ...lintExclusive(of),
  ];
}

function finding(rule: Rule, at: At, reason: string, expected: string, todo: string): Finding {
  return { path: at.path, rule, reason, expected, found: shown(at.value), todo };
}

function lintCommand(of: Definition): Finding[] {
  const cmd = below(of.top, 'cmd');
  const args = below(of.top, 'args');
  const command = textOf(cmd);
  const container = below(of.top, 'container');
  const docker = below(container, 'docker');
  const findings: Finding[] = [];
  if (command?.length === 1) {
    findings.push(
      finding('command', cmd, 'Marathon refuses it', 'two characters or more', 'write the command'),
    );
  }
  if (command !== null && itemsOf(args).length > 0) {
    findings.push(
      finding(
        'command',
        args,
        'Marathon refuses cmd and args together',
        'one of them',
        'remove cmd',
      ),
    );
  }
  if (command === null && itemsOf(args).length === 0 && !isObject(docker.value)) {
    if (textOf(below(container, 'type')) !== 'MESOS') {
      findings.push(
        finding(
          'command',
          cmd,
          'there is nothing to start',
          'container.docker.image',
          'name an image',
        ),
      );
    }
  }
  if (of.role !== null && command !== null && isObject(docker.value)) {
    const reason =
      'a shell becomes process 1, and SIGTERM goes to process 1 alone: the agent never drains';
    findings.push(
      finding('command', cmd, reason, 'the image’s own entrypoint', 'remove cmd; use args'),
    );
  }
  return findings;
}

function lintEngine(of: Definition): Finding[] {
  const container = below(of.top, 'container');
  const type = below(container, 'type');
  const docker = below(container, 'docker');
  const gpus = below(of.top, 'gpus');
  const isMesos = textOf(type) === 'MESOS';
  const findings: Finding[] = [];
  if (of.role !== null && (isMesos || !isObject(container.value))) {
    const reason =
      'without Docker every process of the task gets SIGTERM at once: the SIP server ends before the drain';
    findings.push(finding('container', type, reason, '"DOCKER"', 'write "type": "DOCKER"'));
  }
  if (isObject(container.value) && !isMesos && !isObject(docker.value)) {
    findings.push(
      finding('container', docker, 'the Docker engine needs an image', 'docker.image', 'add it'),
    );
  }
  const parameters = below(docker, 'parameters');
  if (isMesos && itemsOf(parameters).length > 0) {
    findings.push(
      finding(
        'container',
        parameters,
        'the Mesos engine has no parameters',
        'nothing',
        'remove it',
      ),
    );
  }
  const pull = below(docker, 'pullConfig');
  if (!isMesos && pull.value !== undefined) {
    findings.push(
      finding('container', pull, 'only the Mesos engine knows it', 'nothing', 'remove it'),
    );
  }
  if ((numberOf(gpus) ?? 0) > 0 && textOf(type) === 'DOCKER') {
    findings.push(finding('container', gpus, 'only the Mesos engine has GPUs', '0', 'remove it'));
  }
  return findings;
}

function lintImage(of: Definition, image: At): Finding[] {
  const name = textOf(image);
  if (of.role === null || name === null || name.includes('@sha256:')) return [];
  const tag = /:([^:/]+)$/.exec(name)?.[1] ?? 'latest';
  if (tag !== 'latest') return [];
  const reason = 'a node that is restarted after a failure may come back as another version';
  return [
    finding('container', image, reason, 'an image with a version', 'add :VERSION or @sha256:…'),
  ];
}

function lintParameter(at: At): Finding[] {
  const key = below(at, 'key');
  const name = textOf(key)?.toLowerCase() ?? '';
  const reason = Object.hasOwn(TAKEN, name) ? TAKEN[name] : undefined;
  return reason === undefined
    ? []
    : [finding('container', key, reason, 'another option', 'remove it')];
}

/** Persistent volumes and residency bind a task to its host. */
function lintState(of: Definition): Finding[] {
  const volumes = itemsOf(below(of.top, 'container', 'volumes'));
  const kept = volumes
    .map((at) => below(at, 'persistent'))
    .filter(({ value }) => value !== undefined);
  const residency = below(of.top, 'residency');
  const places = residency.value === undefined ? kept : [...kept, residency];
  const reason =
    'the app becomes resident: an unreachable node is never replaced; state belongs to PostgreSQL';
  return places.map((at) => finding('state', at, reason, 'no state on the host', 'remove it'));
}

function lintSingle(of: Definition): Finding[] {
  const label = below(of.top, 'labels', 'MARATHON_SINGLE_INSTANCE_APP');
  if (label.value !== 'true') return [];
  const instances = below(of.top, 'instances');
  const capacities = membersOf(of.upgrade).filter(({ value }) => value !== 0);
  const places = (numberOf(instances) ?? 1) > 1 ? [instances, ...capacities] : capacities;
  const reason =
    'MARATHON_SINGLE_INSTANCE_APP allows one instance and no second one during a deployment';
  return places.map((at) =>
    finding(
      'single-instance',
      at,
      reason,
      at === instances ? 'at most 1' : '0',
      'correct it, or remove the label',
    ),
  );
}

function lintExclusive(of: Definition): Finding[] {
  const uris = below(of.top, 'uris');
  const fetch = below(of.top, 'fetch');
  if (!isList(uris.value) || itemsOf(uris).length === 0 || itemsOf(fetch).length === 0) return [];
  return [finding('value', uris, 'Marathon refuses uris beside fetch', 'fetch alone', 'remove it')];
}

function lintPod(of: Definition): Finding[] {
  const containers = itemsOf(below(of.top, 'containers'));
  const kept = itemsOf(below(of.top, 'volumes')).map((at) => below(at, 'persistent'));
  const reason =
    'the pod becomes resident: an unreachable node is never replaced; state belongs to PostgreSQL';
  return [
    ...containers.flatMap((at) => lintImage(of, below(at, 'image', 'id'))),
    ...kept
      .filter(({ value }) => value !== undefined)
      .map((at) => finding('state', at, reason, 'no state on the host', 'remove it')),
    ...containers.flatMap((at) => lintProbes(below(at, 'healthCheck'))),
  ];
}

function lintProbes(check: At): Finding[] {
  if (!isObject(check.value)) return [];
  const probes = ['http', 'tcp', 'exec'].filter((name) => isObject(below(check, name).value));
  if (probes.length === 1) return [];
  const found = { ...check, value: probes };
  return [
    finding('health-check', found, 'Marathon refuses it', 'one of http, tcp, exec', 'keep one'),
  ];
}
