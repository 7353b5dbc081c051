/** What the Event Socket may ask of the SIP profile. */
export interface ProfilePort {
  readonly name: string;
  /** `sip:mod_sofia@HOST:PORT`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly isRunning: boolean;
  /** Monotonic time of the last start. */
  readonly startedMonoMs: number;
  readonly callsIn: number;
  readonly failedCallsIn: number;
  readonly callsOut: number;
  readonly failedCallsOut: number;
  /** Resolves true when the port is bound. */
  start(): Promise<boolean>;
  /** Hangs up every call and closes the port. */
  stop(): Promise<void>;
  hangup(uuid: string, cause: string): void;
}
