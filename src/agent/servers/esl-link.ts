import { CarnaError, ServerUnavailableError } from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';
import type { Pulse } from '../checks/pulse.js';
import { newPulse } from '../checks/pulse.js';
import { reasonOf } from '../checks/probe.js';
import type { EslPort } from '../ports.js';

/** The way to one life of FreeSWITCH: one connection at a time, opened when it is needed. */
export interface EslLink {
  /** The open connection or a new one. Rejects with a CarnaError, after `deadlineMs` at the latest. */
  readonly connect: (deadlineMs: number) => Promise<EslPort>;
  /** The server, not we, ended the last connection. */
  readonly isLost: () => boolean;
  /** The HEARTBEAT events of the last connection. */
  readonly pulse: () => Pulse;
  /** Ends the connection; the next `connect` opens another. Never rejects. */
  readonly drop: () => Promise<void>;
  /** For good. Never rejects. */
  readonly close: () => Promise<void>;
}

/** Opens by `openEsl`; the end of a connection rings at once. */
export function eslLink(openEsl: () => Promise<EslPort>, ring: () => void): EslLink {
  let open: EslPort | null = null;
  let opening: Promise<EslPort> | null = null;
  let pulse = newPulse();
  let isLost = false;
  let isClosed = false;
  const adopt = async (port: EslPort): Promise<EslPort> => {
    if (isClosed) {
      await port.close();
      throw new ServerUnavailableError('the event socket is not used any more');
    }
    open = port;
    isLost = false;
    pulse = newPulse();
    void subscribe(port, pulse);
    void port.closed.then(() => {
      if (open !== port) return; // We let go of it ourselves.
      open = null;
      isLost = true;
      ring();
    });
    return port;
  };
  const connect = async (deadlineMs: number): Promise<EslPort> => {
    if (open !== null) return open;
    opening ??= openEsl()
      .then(adopt)
      .finally(() => (opening = null));
    opening.catch(() => undefined); // Waited for below, perhaps not to its end.
    return withDeadline('event socket', deadlineMs, opening);
  };
  const drop = async (): Promise<void> => {
    const port = open;
    open = null;
    await port?.close();
  };
  const close = async (): Promise<void> => {
    isClosed = true;
    await drop();
    await opening?.catch((err: unknown) => {
      if (!(err instanceof CarnaError)) throw err;
    });
  };
  return { connect, isLost: () => isLost, pulse: () => pulse, drop, close };
}

/** Not waited for: its HEARTBEATs add to the load, a FreeSWITCH without them is as healthy. */
async function subscribe(port: EslPort, pulse: Pulse): Promise<void> {
  try {
    await port.onHeartbeat(pulse.hear);
  } catch (err) {
    pulse.miss(reasonOf(err));
  }
}
