import type { Definition } from './definition.js';
import type { Finding, LintFacts } from './finding.js';
import { below, isObject, itemsOf, numberOf, shown, textOf } from './json.js';
import type { At } from './json.js';

const PATH = '/healthz';

/** Health is asked by Mesos on the task's own loopback, where the agent answers. */
export function lintHealth(of: Definition, facts: LintFacts): Finding[] {
  if (of.role === null) return [];
  return of.kind === 'app' ? lintApp(of, facts) : lintPod(of, facts);
}

function health(at: At, reason: string, expected: string, todo: string): Finding {
  return { path: at.path, rule: 'health-check', reason, expected, found: shown(at.value), todo };
}

function portOf(of: Definition, facts: LintFacts): number {
  const said = of.killed.map(({ variables }) => variables.get('CARNA_HTTP_PORT')).find(Boolean);
  return said === undefined ? facts.httpPort : Number(said);
}

function lintApp(of: Definition, facts: LintFacts): Finding[] {
  const place = below(of.top, 'healthChecks');
  const checks = itemsOf(place);
  const agentPort = portOf(of, facts);
  const todo = `write "healthChecks": [{"protocol": "MESOS_HTTP", "path": "${PATH}", "port": ${agentPort}}]`;
  const [first, ...more] = checks;
  if (first === undefined) {
    const reason = 'nobody notices that the agent hangs: the node stays away until a person looks';
    return [health(place, reason, 'one MESOS_HTTP check', todo)];
  }
  return [
    ...more.map((at) =>
      health(
        at,
        'Marathon takes one Mesos check and does not mix it with others',
        'one check',
        'remove it',
      ),
    ),
    ...lintProtocol(first, todo),
    ...lintAppPort(of, first, agentPort),
    ...lintLimits(first),
    ...lintPath(below(first, 'path')),
  ];
}

function lintProtocol(check: At, todo: string): Finding[] {
  const place = below(check, 'protocol');
  const protocol = textOf(place) ?? 'HTTP';
  if (protocol === 'MESOS_HTTP' || protocol === 'MESOS_HTTPS') return [];
  const reason =
    protocol === 'HTTP' || protocol === 'HTTPS' || protocol === 'TCP'
      ? 'Marathon’s leader asks over the network: a cut between them kills healthy nodes, and the agent listens on loopback'
      : 'it does not ask the agent, so a server that hangs stays healthy';
  return [health(place, reason, '"MESOS_HTTP"', todo)];
}

function lintAppPort(of: Definition, check: At, agentPort: number): Finding[] {
  const place = below(check, 'port');
  const index = below(check, 'portIndex');
  const number = numberOf(place);
  const todo = `write "port": ${agentPort}, without portIndex`;
  const reason = `the check asks 127.0.0.1; the agent answers on port ${agentPort} (CARNA_HTTP_PORT)`;
  if (number !== null) {
    return number === agentPort ? [] : [health(place, reason, `port ${agentPort}`, todo)];
  }
  const definitions = itemsOf(below(of.top, 'portDefinitions'));
  const leased = definitions[numberOf(index) ?? 0];
  if (leased === undefined) {
    const why = 'it means a port that the definition does not have';
    return [health(index, why, `port ${agentPort}`, todo)];
  }
  const isAgents =
    numberOf(below(leased, 'port')) === agentPort && below(of.top, 'requirePorts').value === true;
  return isAgents ? [] : [health(index, reason, `port ${agentPort}`, todo)];
}

/** Of apps and pods alike. */
function lintLimits(check: At): Finding[] {
  const failures = below(check, 'maxConsecutiveFailures');
  if (failures.value !== 0) return [];
  const reason =
    'for a check by Mesos 0 is not "never": the first failure kills the node with its calls';
  return [health(failures, reason, 'at least 1', 'set 3')];
}

function lintPath(place: At): Finding[] {
  if (textOf(place) === PATH) return [];
  const reason =
    textOf(place) === '/readyz'
      ? 'a draining node is not ready: Mesos would kill it with its calls'
      : 'the agent answers for itself and its server on /healthz only';
  return [health(place, reason, `"${PATH}"`, `write "path": "${PATH}"`)];
}

/** The container with the agent is the one that knows its role. */
function lintPod(of: Definition, facts: LintFacts): Finding[] {
  const agentPort = portOf(of, facts);
  return itemsOf(below(of.top, 'containers')).flatMap((container, i) => {
    const check = below(container, 'healthCheck');
    const isAgent = below(container, 'environment', 'CARNA_ROLE').value !== undefined;
    if (!isAgent) return isObject(check.value) ? lintLimits(check) : [];
    if (!isObject(check.value)) {
      const reason =
        'nobody notices that the agent hangs: the node stays away until a person looks';
      const todo = `add "healthCheck": {"http": {"endpoint": "agent", "path": "${PATH}"}}`;
      return [health(check, reason, 'an HTTP check of the agent', todo)];
    }
    const http = below(check, 'http');
    if (!isObject(http.value)) {
      const reason = 'it does not ask the agent, so a server that hangs stays healthy';
      return [health(check, reason, '"http"', `use "http" with the path ${PATH}`)];
    }
    return [
      ...lintLimits(check),
      ...lintPath(below(http, 'path')),
      ...lintEndpoint(of, i, http, agentPort),
    ];
  });
}

function lintEndpoint(of: Definition, container: number, http: At, agentPort: number): Finding[] {
  const place = below(http, 'endpoint');
  const name = textOf(place);
  const owner = itemsOf(below(of.top, 'containers'))[container] ?? of.top;
  const endpoint = itemsOf(below(owner, 'endpoints')).find(
    (at) => textOf(below(at, 'name')) === name,
  );
  const todo = `add the endpoint {"name": "agent", "hostPort": ${agentPort}} to the container and name it here`;
  if (endpoint === undefined) {
    return [health(place, 'the container has no such endpoint', 'one of its endpoints', todo)];
  }
  if (numberOf(below(endpoint, 'hostPort')) === agentPort) return [];
  const reason = `the check asks 127.0.0.1; the agent answers on port ${agentPort} (CARNA_HTTP_PORT)`;
  return [health(place, reason, `an endpoint with hostPort ${agentPort}`, todo)];
}
