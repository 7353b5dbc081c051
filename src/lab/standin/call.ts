import type { CallingPlace } from './event-bus.js';
import type { EventHeader } from './switch-event.js';

/** One leg of a call, as its channel is seen from the Event Socket. Times in microseconds, 0 = not yet. */
export interface Call {
  readonly uuid: string;
  readonly sessionId: number;
  readonly channelName: string;
  readonly callerName: string;
  readonly callerNumber: string;
  readonly networkAddr: string;
  readonly destination: string;
  readonly application: string;
  readonly applicationData: string;
  readonly createdUs: number;
  readonly progressUs: number;
  readonly answeredUs: number;
  readonly hangupUs: number;
  readonly cause: string | null;
  readonly direction: 'inbound' | 'outbound';
  /** The channel that began the call: its own, or that of the leg which made this one. */
  readonly callUuid: string;
  /** The channel that this one is bridged with, as its caller or as its callee. */
  readonly bridge: { readonly side: 'caller' | 'callee'; readonly uuid: string } | null;
  readonly variables: readonly EventHeader[];
  /** Monotonic, for the lag of `show`. */
  readonly createdMonoMs: number;
  readonly endedMonoMs: number | null;
}

export type CallInfo = Pick<
  Call,
  | 'channelName'
  | 'callerName'
  | 'callerNumber'
  | 'networkAddr'
  | 'destination'
  | 'application'
  | 'applicationData'
  | 'variables'
>;

/** What differs between the events of a call's life. */
export interface ChannelStage {
  readonly event: string;
  readonly place: CallingPlace;
  readonly state: string;
  readonly stateNumber: number;
  readonly callState: string;
  readonly answerState: string;
  /** HANGUP_COMPLETE carries the cause twice: once before everything else. */
  readonly causeFirst?: boolean;
}

const MACHINE = 'switch_core_state_machine.c';

/** The life of a call in the order of its events. */
export const CHANNEL_STAGES = {
  create: {
    event: 'CHANNEL_CREATE',
    place: { file: MACHINE, function: 'switch_core_session_run', line: 626 },
    state: 'CS_INIT',
    stateNumber: 2,
    callState: 'DOWN',
    answerState: 'ringing',
  },
  progress: {
    event: 'CHANNEL_PROGRESS',
    place: {
      file: 'switch_channel.c',
      function: 'switch_channel_perform_mark_ring_ready_value',
      line: 3507,
    },
    state: 'CS_EXECUTE',
    stateNumber: 4,
    callState: 'RINGING',
    answerState: 'ringing',
  },
  answer: {
    event: 'CHANNEL_ANSWER',
    place: {
      file: 'switch_channel.c',
      function: 'switch_channel_perform_mark_answered',
      line: 3848,
    },
    state: 'CS_EXECUTE',
    stateNumber: 4,
    callState: 'RINGING',
    answerState: 'answered',
  },
  hangup: {
    event: 'CHANNEL_HANGUP',
    place: { file: 'switch_channel.c', function: 'switch_channel_perform_hangup', line: 3447 },
    state: 'CS_EXECUTE',
    stateNumber: 10,
    callState: 'ACTIVE',
    answerState: 'hangup',
  },
  hangupComplete: {
    event: 'CHANNEL_HANGUP_COMPLETE',
    place: { file: MACHINE, function: 'switch_core_session_reporting_state', line: 943 },
    state: 'CS_REPORTING',
    stateNumber: 11,
    callState: 'HANGUP',
    answerState: 'hangup',
    causeFirst: true,
  },
  destroy: {
    event: 'CHANNEL_DESTROY',
    place: {
      file: 'switch_core_session.c',
      function: 'switch_core_session_perform_destroy',
      line: 1588,
    },
    state: 'CS_REPORTING',
    stateNumber: 12,
    callState: 'HANGUP',
    answerState: 'hangup',
  },
} as const satisfies Readonly<Record<string, ChannelStage>>;

/** The Channel-*, Caller-* and variable_* headers of a call's event, in FreeSWITCH's order. */
export function channelHeaders(call: Call, stage: ChannelStage): readonly EventHeader[] {
  const cause: EventHeader[] = call.cause === null ? [] : [['Hangup-Cause', call.cause]];
  return [
    ...(stage.causeFirst === true ? cause : []),
    ['Channel-State', stage.state],
    ['Channel-Call-State', stage.callState],
    ['Channel-State-Number', String(stage.stateNumber)],
    ['Channel-Name', call.channelName],
    ['Unique-ID', call.uuid],
    ['Call-Direction', call.direction],
    ['Presence-Call-Direction', call.direction],
    ['Channel-HIT-Dialplan', String(call.direction === 'inbound')],
    ['Channel-Call-UUID', call.callUuid],
    ['Answer-State', stage.answerState],
    ...cause,
    ...codecHeaders(),
    ...callerHeaders(call, stage),
    ['variable_direction', call.direction],
    ['variable_uuid', call.uuid],
    ['variable_session_id', String(call.sessionId)],
    ['variable_channel_name', call.channelName],
    ...call.variables,
    ...(call.cause === null ? [] : ([['variable_hangup_cause', call.cause]] as EventHeader[])),
  ];
}

function codecHeaders(): EventHeader[] {
  return ['Read', 'Write'].flatMap((side): EventHeader[] => [
    [`Channel-${side}-Codec-Name`, 'PCMU'],
    [`Channel-${side}-Codec-Rate`, '8000'],
    [`Channel-${side}-Codec-Bit-Rate`, '64000'],
  ]);
}

function callerHeaders(call: Call, stage: ChannelStage): EventHeader[] {
  // CHANNEL_HANGUP is fired before the time of the hang-up is noted.
  const hangupUs = stage.event === 'CHANNEL_HANGUP' ? 0 : call.hangupUs;
  return [
    ['Caller-Direction', call.direction],
    ['Caller-Logical-Direction', call.direction],
    ['Caller-Username', call.callerNumber],
    ['Caller-Dialplan', 'XML'],
    ['Caller-Caller-ID-Name', call.callerName],
    ['Caller-Caller-ID-Number', call.callerNumber],
    ['Caller-Orig-Caller-ID-Name', call.callerName],
    ['Caller-Orig-Caller-ID-Number', call.callerNumber],
    ['Caller-Network-Addr', call.networkAddr],
    ['Caller-ANI', call.callerNumber],
    ['Caller-Destination-Number', call.destination],
    ['Caller-Unique-ID', call.uuid],
    ['Caller-Source', 'mod_sofia'],
    ['Caller-Context', 'public'],
    ['Caller-Channel-Name', call.channelName],
    ['Caller-Profile-Index', '1'],
    ['Caller-Profile-Created-Time', String(call.createdUs)],
    ['Caller-Channel-Created-Time', String(call.createdUs)],
    ['Caller-Channel-Answered-Time', String(call.answeredUs)],
    ['Caller-Channel-Progress-Time', String(call.progressUs)],
    ['Caller-Channel-Progress-Media-Time', '0'],
    ['Caller-Channel-Hangup-Time', String(hangupUs)],
    ['Caller-Channel-Transfer-Time', '0'],
    ['Caller-Channel-Resurrect-Time', '0'],
    ['Caller-Channel-Bridged-Time', '0'],
    ['Caller-Channel-Last-Hold', '0'],
    ['Caller-Channel-Hold-Accum', '0'],
    ['Caller-Screen-Bit', 'true'],
    ['Caller-Privacy-Hide-Name', 'false'],
    ['Caller-Privacy-Hide-Number', 'false'],
  ];
}
