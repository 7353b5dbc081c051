import { connect } from 'node:net';
import type { LabAddress } from '../plan.js';

const ANSWER_LIMIT_MS = 2_000;

/** What ZooKeeper answers to a four-letter word. Rejects with the socket's error, or when it is silent for 2 s. */
export async function askZookeeper(address: LabAddress, word: 'mntr' | 'srvr'): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    let answer = '';
    const socket = connect(address);
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error(`${word}: no answer`)));
    socket.on('connect', () => socket.write(word));
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

/** Packets that the server received since its start, from the answer to `mntr`. Throws RangeError when it is not there. */
export function packetsReceived(mntr: string): number {
  const found = /^zk_packets_received\s+(\d+)/m.exec(mntr)?.[1];
  if (found === undefined) throw new RangeError('mntr tells no zk_packets_received');
  return Number(found);
}

/**
 * Number of the last write, from the answer to `srvr`: it grows by one with each change of a znode and
 * each begin or end of a session. Throws RangeError when it is not there.
 */
export function lastZxid(srvr: string): bigint {
  const found = /^Zxid: (0x[0-9a-f]+)/m.exec(srvr)?.[1];
  if (found === undefined) throw new RangeError('srvr tells no Zxid');
  return BigInt(found);
}
