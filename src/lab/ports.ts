import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { MissingPartError } from '../util/errors.js';
import type { LabAddress } from './plan.js';

interface Wanted {
  readonly who: string;
  readonly address: LabAddress;
  readonly udp: boolean;
}

/** Binds every wanted address once and lets go of it. Throws one MissingPartError naming all that are taken. */
export async function checkPortsFree(wanted: readonly Wanted[], remedy: string): Promise<void> {
  const checks = wanted.map(async (w) => {
    const fault = await (w.udp ? udpFault(w.address) : tcpFault(w.address));
    return fault === null
      ? []
      : [`${w.who} needs ${w.udp ? 'udp' : 'tcp'} ${w.address.host}:${w.address.port}: ${fault}`];
  });
  const faults = (await Promise.all(checks)).flat();
  if (faults.length > 0) throw new MissingPartError(faults.join('\n'), remedy);
}

async function tcpFault(address: LabAddress): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (err: NodeJS.ErrnoException) => resolve(describe(err)));
    server.listen(address.port, address.host, () => server.close(() => resolve(null)));
  });
}

async function udpFault(address: LabAddress): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (err: NodeJS.ErrnoException) => {
      socket.close();
      resolve(describe(err));
    });
    socket.bind({ port: address.port, address: address.host, exclusive: true }, () =>
      socket.close(() => resolve(null)),
    );
  });
}

function describe(err: NodeJS.ErrnoException): string {
  if (err.code === 'EADDRINUSE') return 'taken by another process';
  if (err.code === 'EADDRNOTAVAIL') return 'not an address of this machine';
  return err.code ?? err.message;
}
