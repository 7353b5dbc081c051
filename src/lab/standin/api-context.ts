import type { MediaSwitch } from './media-switch.js';
import type { ProfilePort } from './profile-port.js';
import type { ShutdownPort } from './shutdown-port.js';
import type { StandinConfig } from './config.js';

/** What the api commands work on. */
export interface ApiContext {
  readonly config: StandinConfig;
  readonly switch: MediaSwitch;
  readonly profile: ProfilePort;
  readonly shutdown: ShutdownPort;
  /** Resolves after `ms`, or when the stand-in stops. */
  wait(ms: number): Promise<void>;
  /** Writes a line to the connections that asked for logs of this level. */
  writeLog(level: number, text: string): void;
  /** The global variables, as `global_getvar` shows them. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Gives the whole output; '' becomes `-ERR no reply`. */
export type ApiHandler = (args: string, context: ApiContext) => string | Promise<string>;
