import { ServerUnavailableError } from '../../util/errors.js';
import type { FreeswitchQuestions } from '../checks/freeswitch.js';
import { freeswitchProbe, isFull } from '../checks/freeswitch.js';
import type { Probe, ProbeResult } from '../checks/probe.js';
import { applicationAndSip } from '../checks/probe.js';
import { sipProbe } from '../checks/sip.js';
import type { EslPort, OptionsPing } from '../ports.js';
import { eslLink } from './esl-link.js';
import type { Refusal } from './refusal.js';
import { FORGETFUL_MARK, openRefusal } from './refusal.js';
import type { OpenControl, RefusalMark, ServerControl, WorkLeft } from './server.js';

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
  mark: RefusalMark = FORGETFUL_MARK,
): OpenControl {
  return ({ ring, isAdopted }): ServerControl => {
    const link = eslLink(openEsl, ring);
    const refusal = openRefusal({ isAdopted }, mark);
    const pause = pauseWatch(refusal);
    const esl = (): Promise<EslPort> => link.connect(CONNECT_LIMIT_MS);
    const questions = {
      profile: options.profile,
      isRefusing: refusal.isOn,
      noteLife: pause.noteLife,
      pulse: link.pulse,
      hasLostConnection: link.isLost,
      drop: link.drop,
    };
    return {
      probe: freeswitchAndSip(
        freeswitchProbe(link.connect, questions, monoMs),
        ping,
        questions,
        monoMs,
      ),
      refuseNewWork: async () => {
        refusal.announce();
        const port = await esl();
        await setPaused(port, true);
        pause.madeOn(await port.coreUuid());
        refusal.begin();
      },
      acceptNewWork: async () => {
        await setPaused(await esl(), false);
        refusal.end();
      },
      isRefusing: refusal.isOn,
      mayRefuse: refusal.mayBeOn,
      countLeft: async () => countCalls(await esl()),
      shutDown: async () => (await esl()).shutdownAsap(),
      gracefulMs: options.gracefulMs,
      close: link.close,
    };
  };
}

/** One round of both: a 503 is fine when the same round's answers say that it is full, or while we refuse. */
function freeswitchAndSip(
  application: Probe,
  ping: OptionsPing,
  questions: Pick<FreeswitchQuestions, 'isRefusing'>,
  monoMs: () => number,
): Probe {
  return async (deadlineMs) => {
    const said = application(deadlineMs);
    const isBusyFine = async (): Promise<boolean> => questions.isRefusing() || saysFull(await said);
    const both = applicationAndSip('event socket', () => said, sipProbe(ping, isBusyFine, monoMs));
    return both(deadlineMs);
  };
}

function saysFull(result: ProbeResult): boolean {
  return result.kind !== 'unknown' && result.load !== undefined && isFull(result.load);
}

interface PauseWatch {
  /** The life whose inbound calls we have just paused. */
  readonly madeOn: (coreUuid: string) => void;
  readonly noteLife: (coreUuid: string, isPaused: boolean) => string | null;
}

/** FreeSWITCH forgets a pause when it restarts: a new Core-UUID without a pause ends our refusal. */
function pauseWatch(refusal: Refusal): PauseWatch {
  let pausedLife: string | null = null;
  return {
    madeOn: (coreUuid) => (pausedLife = coreUuid),
    noteLife: (coreUuid, isPaused) => {
      if (!refusal.isOn()) return null;
      if (isPaused) {
        pausedLife = coreUuid;
        return null;
      }
      if (pausedLife === coreUuid) return 'inbound calls were resumed, not by us';
      refusal.end();
      return 'FreeSWITCH restarted by itself and takes new calls again';
    },
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
