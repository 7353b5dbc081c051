import type { LintFacts } from '../../../src/marathon/lint/finding.js';

/** What `carna lint` knows of Carna's programs, small. */
export const FACTS: LintFacts = {
  drainDeadlineMs: 3_600_000,
  httpPort: 9100,
  variables: new Set([
    'CARNA_ROLE',
    'CARNA_DRAIN_DEADLINE_MS',
    'CARNA_HTTP_PORT',
    'CARNA_HTTP_HOST',
    'CARNA_ESL_PASSWORD',
    'CARNA_ESL_PASSWORD_FILE',
    'CARNA_DATABASE_URL',
  ]),
  secretVariables: new Set(['CARNA_ESL_PASSWORD', 'CARNA_DATABASE_URL']),
};

/** A media node as it should be. Fresh at each call: tests change it. */
export function goodApp(): Record<string, unknown> {
  return {
    id: '/carna/dc1/media',
    instances: 3,
    cpus: 2,
    mem: 2048,
    env: {
      CARNA_ROLE: 'media',
      CARNA_DRAIN_DEADLINE_MS: '1800000',
      CARNA_ESL_PASSWORD_FILE: '/run/carna/esl',
      CARNA_DATABASE_URL: 'postgres://carna@10.0.0.5/carna',
    },
    labels: { team: 'voice' },
    container: {
      type: 'DOCKER',
      docker: {
        image: 'registry.example.org:5000/carna:1.0.0',
        parameters: [{ key: 'init', value: 'true' }],
      },
      volumes: [{ containerPath: '/run/carna', hostPath: '/etc/carna/secrets', mode: 'RO' }],
    },
    networks: [{ mode: 'host' }],
    requirePorts: true,
    portDefinitions: [
      { port: 5060, name: 'sip', protocol: 'udp,tcp' },
      { port: 9100, name: 'agent', protocol: 'tcp' },
    ],
    healthChecks: [
      { protocol: 'MESOS_HTTP', path: '/healthz', port: 9100, maxConsecutiveFailures: 3 },
    ],
    taskKillGracePeriodSeconds: 1860,
    upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
    unreachableStrategy: { inactiveAfterSeconds: 120, expungeAfterSeconds: 7200 },
    killSelection: 'YOUNGEST_FIRST',
    constraints: [['@hostname', 'UNIQUE']],
  };
}

/** An app without a node of ours, upgraded within its count. */
export function goodTool(): Record<string, unknown> {
  return {
    id: '/tools/web',
    cmd: 'sleep 100',
    instances: 2,
    requirePorts: true,
    portDefinitions: [{ port: 8080, name: 'web', protocol: 'tcp' }],
    upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
  };
}

/** A data centre with two roles. */
export function goodGroup(): Record<string, unknown> {
  return {
    id: '/carna/dc1',
    apps: [goodApp(), { ...goodApp(), id: 'outbound' }],
    groups: [{ id: '/carna/dc1/edge', apps: [{ ...goodApp(), id: '/carna/dc1/edge/lb' }] }],
  };
}

/** A node as a pod: the agent and its server. */
export function goodPod(): Record<string, unknown> {
  return {
    id: '/carna/dc1/media-pod',
    networks: [{ mode: 'host' }],
    containers: [
      {
        name: 'agent',
        resources: { cpus: 0.2, mem: 128 },
        image: { kind: 'DOCKER', id: 'carna:1.0.0' },
        environment: { CARNA_ROLE: 'media' },
        endpoints: [{ name: 'agent', hostPort: 9100, protocol: ['tcp'] }],
        healthCheck: { http: { endpoint: 'agent', path: '/healthz' } },
        lifecycle: { killGracePeriodSeconds: 3700 },
      },
      {
        name: 'freeswitch',
        resources: { cpus: 2, mem: 2048 },
        image: { kind: 'DOCKER', id: 'freeswitch:1.10.12' },
        endpoints: [{ name: 'sip', hostPort: 5060, protocol: ['udp', 'tcp'] }],
        lifecycle: { killGracePeriodSeconds: 3700 },
      },
    ],
    scaling: { kind: 'fixed', instances: 3 },
    scheduling: {
      upgrade: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
      killSelection: 'YOUNGEST_FIRST',
      unreachableStrategy: { inactiveAfterSeconds: 120, expungeAfterSeconds: 7200 },
      placement: { constraints: [{ fieldName: '@hostname', operator: 'UNIQUE' }] },
    },
  };
}
