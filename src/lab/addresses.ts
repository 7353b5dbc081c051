import type { LabAddress, LabNode, LabPlan } from './plan.js';
import { DMQ_PORT, hasDmq } from './plan.js';

/** Every address that must be free before a lab starts, with who wants it. */
export function addressesOf(
  plan: LabPlan,
): { readonly who: string; readonly address: LabAddress; readonly udp: boolean }[] {
  return [
    ...plan.zookeepers.flatMap(({ name, client, peers }) =>
      [client, ...(peers === null ? [] : [peers.quorum, peers.election])].map((address) => ({
        who: name,
        address,
        udp: false,
      })),
    ),
    { who: 'postgres', address: plan.postgres, udp: false },
    ...plan.reconcilers.map((r) => ({ who: r.name, address: r.http, udp: false })),
    ...plan.nodes.flatMap((node) => nodeAddresses(node)),
  ];
}

/** The addresses of one node. */
export function nodeAddresses(
  node: LabNode,
): { readonly who: string; readonly address: LabAddress; readonly udp: boolean }[] {
  return [
    { who: node.name, address: node.sip, udp: true },
    ...(hasDmq(node)
      ? [{ who: node.name, address: { host: node.sip.host, port: DMQ_PORT }, udp: true }]
      : []),
    { who: node.name, address: node.http, udp: false },
    ...(node.esl === null ? [] : [{ who: node.name, address: node.esl, udp: false }]),
  ];
}
