export interface WatchdogPorts {
  /** As negotiated with the server. */
  readonly zkSessionTimeoutMs: () => number;
  readonly ping: () => void;
  /** Connected, but nothing was heard for 2/3 of the session time-out. */
  readonly onSilent: () => void;
  /** Not connected for twice the session time-out: the session cannot be trusted to exist. */
  readonly onOutOfReach: () => void;
}

const MIN_TICK_MS = 20;
const MAX_TICK_MS = 250;

/**
 * Sends something every third of the session time-out whatever comes in (the server counts only what
 * it is sent), and notices what the package cannot: a silent server and a session out of reach.
 */
export class Watchdog {
  readonly #ports: WatchdogPorts;
  #timer: NodeJS.Timeout;
  #isConnected = false;
  #heardAtMs = performance.now();
  #pingedAtMs = 0;
  #tickedAtMs = performance.now();

  constructor(ports: WatchdogPorts) {
    this.#ports = ports;
    this.#timer = setTimeout(() => this.#tick(), this.#tickMs());
  }

  connected(): void {
    this.#isConnected = true;
    this.#heardAtMs = performance.now();
    this.#pingedAtMs = this.#heardAtMs;
  }

  disconnected(): void {
    // The time of the loss starts with the last sign of life of a connection, not with each failed attempt.
    this.#isConnected = false;
  }

  heard(): void {
    if (this.#isConnected) this.#heardAtMs = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tick(): void {
    const nowMs = performance.now();
    const timeoutMs = this.#ports.zkSessionTimeoutMs();
    const tickMs = this.#tickMs();
    // It was us who slept (stopped process, blocked loop): what came meanwhile has not been read yet.
    if (nowMs - this.#tickedAtMs > timeoutMs / 3) this.#heardAtMs = nowMs;
    this.#tickedAtMs = nowMs;
    this.#timer = setTimeout(() => this.#tick(), tickMs);
    const quietMs = nowMs - this.#heardAtMs;
    if (!this.#isConnected) {
      if (quietMs > 2 * timeoutMs) {
        this.#heardAtMs = nowMs;
        this.#ports.onOutOfReach();
      }
      return;
    }
    if (quietMs > (timeoutMs * 2) / 3) this.#ports.onSilent();
    else if (nowMs - this.#pingedAtMs + tickMs > timeoutMs / 3) {
      this.#pingedAtMs = nowMs;
      this.#ports.ping();
    }
  }

  #tickMs(): number {
    return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, this.#ports.zkSessionTimeoutMs() / 12));
  }
}
