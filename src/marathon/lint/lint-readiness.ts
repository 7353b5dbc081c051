import type { Definition } from './definition.js';
import type { Finding } from './finding.js';
import { below, isObject, itemsOf, numberOf, shown, textOf } from './json.js';
import type { At } from './json.js';

const LOOPBACK = /^(?:127\.|localhost$|\[?::1\]?$)/;

/** Rules on what Marathon asks besides health before a deployment goes on. Pods have none of it. */
export function lintReadiness(of: Definition): Finding[] {
  if (of.kind === 'pod') return [];
  return [...lintQuestions(of), ...lintHealthless(of)];
}

function readiness(at: At, reason: string, expected: string, todo: string): Finding {
  return { path: at.path, rule: 'readiness', reason, expected, found: shown(at.value), todo };
}

function lintQuestions(of: Definition): Finding[] {
  const place = below(of.top, 'readinessChecks');
  const checks = itemsOf(place);
  const names = itemsOf(below(of.top, 'portDefinitions')).map((at) => textOf(below(at, 'name')));
  const host = of.killed[0]?.variables.get('CARNA_HTTP_HOST') ?? '127.0.0.1';
  const findings = checks
    .slice(1)
    .map((at) => readiness(at, 'Marathon takes one', 'one check', 'remove it'));
  for (const check of checks.slice(0, 1)) {
    const port = below(check, 'portName');
    if (!names.includes(textOf(port) ?? 'http-api')) {
      const reason = 'no port has this name: Marathon refuses it';
      findings.push(readiness(port, reason, 'a name in portDefinitions', 'name the port'));
    }
    if (of.role !== null && LOOPBACK.test(host)) {
      const reason = `Marathon’s leader asks over the network, the agent answers on ${host} only: a deployment never ends`;
      const todo = 'set CARNA_HTTP_HOST to an address that Marathon reaches, or remove the check';
      findings.push(readiness(check, reason, 'an agent that Marathon reaches', todo));
    }
  }
  return findings;
}

/**
 * Marathon takes either check as a promise of health checks and counts an instance as healthy only
 * when one of these has succeeded. A rolling upgrade stops the healthy instances above the minimum
 * first: here none, and within the count nothing new has room.
 */
function lintHealthless(of: Definition): Finding[] {
  if (itemsOf(below(of.top, 'healthChecks')).length > 0) return [];
  const instances = numberOf(below(of.top, 'instances')) ?? 1;
  const over = numberOf(below(of.upgrade, 'maximumOverCapacity')) ?? 1;
  if (Math.floor(instances * (1 + over)) > instances) return [];
  const asked = [below(of.top, 'readinessChecks'), below(of.top, 'check')].filter(
    (at) => itemsOf(at).length > 0 || isObject(at.value),
  );
  const reason =
    'without healthChecks no instance ever counts as healthy: with no room above the count a rolling upgrade begins and never goes on';
  const todo = 'add "healthChecks", or remove it';
  return asked.map((at) => readiness(at, reason, '"healthChecks" beside it', todo));
}
