import { CarnaError, ServerUnavailableError } from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';
import { freeswitchProbe } from '../checks/freeswitch.js';
import { allOf } from '../checks/probe.js';
import { sipProbe } from '../checks/sip.js';
import type { EslPort, OptionsPing } from '../ports.js';
import type { OpenControl, ServerControl, WorkLeft } from './server.js';

export interface FreeswitchOptions {
  readonly profile: string;
  /** It ends 4.4 to 5.1 s after the request when idle. */
  readonly gracefulMs: number;
}

export const DEFAULT_FREESWITCH: FreeswitchOptions = { profile: 'internal', gracefulMs: 8_000 };

const CONNECT_LIMIT_MS = 2_000;

/** FreeSWITCH over its event socket (opened anew when lost, by `openEsl`) and OPTIONS. */
export function freeswitchControl(
  openEsl: () => Promise<EslPort>,
  ping: OptionsPing,
  options: FreeswitchOptions,
  monoMs: () => number,
): OpenControl {
  return ({ ring }): ServerControl => {
    const link = eslLink(openEsl, ring);
    let isRefusing = false;
    const esl = (): Promise<EslPort> => link.connect(CONNECT_LIMIT_MS);
    const questions = {
      profile: options.profile,
      isRefusing: () => isRefusing,
      hasLostConnection: link.isLost,
      drop: link.drop,
    };
    return {
      probe: allOf([
        freeswitchProbe(link.connect, questions, monoMs),
        sipProbe(ping, () => isRefusing),
      ]),
      refuseNewWork: async () => {
        await setPaused(await esl(), true);
        isRefusing = true;
      },
      acceptNewWork: async () => {
        await setPaused(await esl(), false);
        isRefusing = false;
      },
      isRefusing: () => isRefusing,
      countLeft: async () => countCalls(await esl()),
      shutDown: async () => (await esl()).shutdownAsap(),
      gracefulMs: options.gracefulMs,
      close: link.close,
    };
  };
}

async function setPaused(esl: EslPort, isWanted: boolean): Promise<void> {
  if ((await esl.isInboundPaused()) === isWanted) return;
  await (isWanted ? esl.pauseInbound() : esl.resumeInbound());
  if ((await esl.isInboundPaused()) !== isWanted) {
    const word = isWanted ? 'pause' : 'resume';
    throw new ServerUnavailableError(`FreeSWITCH did not ${word} inbound calls`);
  }
}

/** `active` is right at once but may hold phantoms, the channel list lags: only both at 0 mean empty. */
async function countCalls(esl: EslPort): Promise<WorkLeft> {
  const [status, channels] = await Promise.all([esl.status(), esl.countChannels()]);
  return {
    count: Math.max(status.active, channels),
    text: `${status.active} sessions, ${channels} channels`,
  };
}

interface EslLink {
  readonly connect: (deadlineMs: number) => Promise<EslPort>;
  /** The server, not we, ended the last connection. */
  readonly isLost: () => boolean;
  readonly drop: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** One connection at a time; its end rings at once. */
function eslLink(openEsl: () => Promise<EslPort>, ring: () => void): EslLink {
  let open: EslPort | null = null;
  let opening: Promise<EslPort> | null = null;
  let isLost = false;
  let isClosed = false;
  const adopt = async (port: EslPort): Promise<EslPort> => {
    if (isClosed) {
      await port.close();
      throw new ServerUnavailableError('the event socket is not used any more');
    }
    open = port;
    isLost = false;
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
  return { connect, isLost: () => isLost, drop, close };
}
