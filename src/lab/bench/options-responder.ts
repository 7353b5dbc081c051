import type { RemoteInfo, Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { LabAddress } from '../plan.js';

/** SIP headers that an answer repeats (RFC 3261 section 8.2.6.2). */
const REPEATED = /^(?:via|v|from|f|to|t|call-id|i|cseq)\s*:/i;

/** What an OPTIONS is answered with; null for anything that is no OPTIONS. Pure. */
export function answerTo(datagram: string): string | null {
  if (!datagram.startsWith('OPTIONS ')) return null;
  const repeated = datagram.split('\r\n').filter((line) => REPEATED.test(line));
  const tagged = repeated.map((line) =>
    /^(?:to|t)\s*:/i.test(line) && !/;tag=/i.test(line) ? `${line};tag=here` : line,
  );
  return ['SIP/2.0 200 OK', ...tagged, 'Content-Length: 0', '', ''].join('\r\n');
}

/** Answers SIP OPTIONS at each of the addresses, for nodes that exist only as records. Gives the way to close it. */
export async function respondToOptions(
  addresses: readonly LabAddress[],
): Promise<() => Promise<void>> {
  const sockets: Socket[] = [];
  const closeAll = async (): Promise<void> => {
    await Promise.all(
      sockets.map(async (socket) => {
        const closed = once(socket, 'close');
        socket.close();
        await closed;
      }),
    );
  };
  try {
    for (const { host, port } of addresses) sockets.push(await listen(host, port));
  } catch (err) {
    await closeAll();
    throw err;
  }
  return closeAll;
}

async function listen(host: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (datagram: Buffer, from: RemoteInfo) => {
    const answer = answerTo(datagram.toString('latin1'));
    if (answer !== null) socket.send(answer, from.port, from.address);
  });
  const listening = once(socket, 'listening');
  socket.bind(port, host);
  await listening; // Rejects with the socket's error.
  socket.on('error', () => undefined); // A late ICMP message has no one to tell.
  return socket;
}
