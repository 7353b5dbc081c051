import type { Definition } from './definition.js';
import type { Finding } from './finding.js';
import { below, isObject, itemsOf, numberOf, shown, textOf } from './json.js';
import type { At } from './json.js';

/** Ports of an app: what is leased, and what is only a number in a definition. */
export function lintPorts(of: Definition): Finding[] {
  if (of.kind === 'pod') return lintEndpoints(of);
  const ports = itemsOf(below(of.top, 'portDefinitions'));
  const modes = itemsOf(of.networks).map((one) => textOf(below(one, 'mode')) ?? 'container');
  const mappings = below(of.top, 'container', 'portMappings');
  const findings: Finding[] = [];
  if (ports.length > 0 && modes.some((mode) => mode !== 'host')) {
    const path = below(of.top, 'portDefinitions').path;
    findings.push(
      port(
        path,
        'Marathon refuses portDefinitions without the host network',
        'networks [{"mode": "host"}]',
        `"${modes.join(', ')}"`,
        'write "networks": [{"mode": "host"}]',
      ),
    );
  }
  if (itemsOf(mappings).length > 0 && (modes.length === 0 || modes.includes('host'))) {
    findings.push(
      port(
        mappings.path,
        'the host network has no mappings: Marathon refuses them',
        'portDefinitions',
        'portMappings',
        'write "portDefinitions" at the top of the app',
      ),
    );
  }
  const isFixed = below(of.top, 'requirePorts').value === true;
  return [
    ...findings,
    ...ports.flatMap((one) => lintFixed(of, one, isFixed)),
    ...lintPortless(of, ports, isFixed),
    ...lintOverlap(ports, 'port'),
    ...lintNames(ports, of.role !== null),
  ];
}

function port(
  path: string,
  reason: string,
  expected: string,
  found: string,
  todo: string,
): Finding {
  return { path, rule: 'port', reason, expected, found, todo };
}

function lintFixed(of: Definition, at: At, isFixed: boolean): Finding[] {
  if (!isObject(at.value)) return [];
  const number = below(at, 'port');
  const value = numberOf(number) ?? 0;
  if (isFixed && value === 0) {
    const reason =
      'with requirePorts a 0 becomes a service port from 10000-20000, which no offer holds: the app waits for ever';
    return [port(number.path, reason, 'a port above 0', shown(number.value), 'name the port')];
  }
  if (of.role === null || isFixed || value === 0) return [];
  const reason =
    'without requirePorts this is a service port only: the task is given another one, and two nodes may land on one host';
  const todo = 'set "requirePorts": true (the Mesos agents must offer the port)';
  return [port(number.path, reason, 'requirePorts true', `port ${value} without it`, todo)];
}

/** requirePorts of an app with no list of ports: one port is leased at random. */
function lintPortless(of: Definition, ports: readonly At[], isFixed: boolean): Finding[] {
  if (!isFixed || ports.length > 0) return [];
  const { path } = below(of.top, 'portDefinitions');
  const reason = 'requirePorts has nothing to require: no port is reserved on the host';
  return [
    port(path, reason, 'the ports that the server listens on', 'nothing', 'add portDefinitions'),
  ];
}

function lintOverlap(ports: readonly At[], field: string): Finding[] {
  const seen = new Map<number, string>();
  return ports.flatMap((at) => {
    const number = numberOf(below(at, field)) ?? 0;
    const first = seen.get(number);
    if (number === 0) return [];
    if (first === undefined) {
      seen.set(number, at.path);
      return [];
    }
    const reason =
      'two entries with one port fail with "overlapping ranges": Mesos ports have no protocol';
    const todo = `merge it into ${first} with "protocol": "udp,tcp"`;
    return [port(below(at, field).path, reason, 'each port once', String(number), todo)];
  });
}

function lintNames(ports: readonly At[], isSip: boolean): Finding[] {
  const seen = new Set<string>();
  return ports.flatMap((at) => {
    const place = below(at, 'name');
    const name = textOf(place);
    if (name === null) return [];
    if (seen.has(name)) {
      return [
        port(place.path, 'Marathon refuses a name twice', 'another name', `"${name}"`, 'rename it'),
      ];
    }
    seen.add(name);
    if (!isSip || !name.includes('-')) return [];
    const reason = `it becomes PORT_${name.toUpperCase()}, which no shell can read`;
    const todo = 'use a plain word: sip, esl, ctl, agent';
    return [port(place.path, reason, 'letters and digits', `"${name}"`, todo)];
  });
}

/** Ports of a pod: hostPort is what is leased in host mode. */
function lintEndpoints(of: Definition): Finding[] {
  const containers = itemsOf(below(of.top, 'containers'));
  const endpoints = containers.flatMap((one) => itemsOf(below(one, 'endpoints')));
  const isHost = itemsOf(of.networks).some((one) => textOf(below(one, 'mode')) === 'host');
  const inHost = endpoints.filter((at) => isHost && numberOf(below(at, 'containerPort')) !== null);
  const words = endpoints.flatMap((at) => itemsOf(below(at, 'protocol')));
  return [
    ...inHost.map((at) => {
      const place = below(at, 'containerPort');
      const reason = 'with the host network only hostPort counts: Marathon refuses a containerPort';
      return port(place.path, reason, 'hostPort', shown(place.value), 'write "hostPort"');
    }),
    ...words
      .filter((at) => !['udp', 'tcp', undefined].includes(textOf(at) ?? undefined))
      .map((at) => {
        const reason = 'Marathon knows no such protocol';
        const todo = 'write "protocol": ["udp", "tcp"]';
        return port(at.path, reason, '"udp" or "tcp", one an item', shown(at.value), todo);
      }),
    ...lintOverlap(endpoints, 'hostPort'),
    ...lintNames(endpoints, false),
  ];
}
