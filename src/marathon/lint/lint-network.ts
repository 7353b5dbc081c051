import type { Definition } from './definition.js';
import type { Finding } from './finding.js';
import { below, itemsOf, shown, textOf } from './json.js';

const REMEDY = 'write "networks": [{"mode": "host"}]';

/** SIP nodes need the host's network; the forms that Marathon refuses are named for all. */
export function lintNetwork(of: Definition): Finding[] {
  const modes = itemsOf(of.networks).map((network) => ({
    at: network,
    mode: textOf(below(network, 'mode')) ?? 'container',
    name: textOf(below(network, 'name')),
  }));
  const wrongMode = modes.filter(({ mode }) => mode !== 'host');
  const findings: Finding[] = [];
  if (of.role !== null && modes.length === 0) {
    findings.push({
      path: of.networks.path,
      rule: 'network',
      reason: 'the node must take calls on the address that it publishes',
      expected: '[{"mode": "host"}]',
      found: shown(of.networks.value),
      todo: REMEDY,
    });
  }
  for (const { at, mode } of of.role === null ? [] : wrongMode) {
    findings.push({
      path: below(at, 'mode').path,
      rule: 'network',
      reason:
        mode === 'container/bridge'
          ? 'a bridge costs one proxy process per RTP port, and the address in SIP is not the one that phones reach'
          : 'the address in SIP is not the one that phones and other nodes reach',
      expected: '"host"',
      found: at.value === undefined ? 'nothing' : `"${mode}"`,
      todo: REMEDY,
    });
  }
  for (const { at, mode, name } of modes) {
    if (mode === 'container' || name === null) continue;
    findings.push(
      refused(below(at, 'name').path, 'no name: only container networks have one', shown(name)),
    );
  }
  const isMixed = modes.length > 1 && modes.some(({ mode }) => mode !== 'container');
  if (isMixed) {
    const expected = 'one host, one bridge, or container networks only';
    findings.push(refused(of.networks.path, expected, modes.map(({ mode }) => mode).join(', ')));
  }
  return findings;
}

function refused(path: string, expected: string, found: string): Finding {
  return { path, rule: 'network', reason: 'Marathon refuses it', expected, found, todo: REMEDY };
}
