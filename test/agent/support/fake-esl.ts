import type { EslPort, HeartbeatNews } from '../../../src/agent/ports.js';

/** A FreeSWITCH as its event socket shows it; every fact can be changed. */
export class FakeEsl implements EslPort {
  facts = { ready: true, active: 1, limit: 100 };
  isRunning = true;
  isPaused = false;
  isEnding = false;
  isDeaf = false;
  channels = 1;
  uuid = 'u1';
  beat: (news: HeartbeatNews) => void = () => undefined;
  end: (why: string) => void = () => undefined;
  closed = new Promise<string>((resolve) => (this.end = resolve));

  status(): Promise<typeof this.facts> {
    return Promise.resolve(this.facts);
  }
  isProfileRunning(): Promise<boolean> {
    return Promise.resolve(this.isRunning);
  }
  isInboundPaused(): Promise<boolean> {
    return Promise.resolve(this.isPaused);
  }
  isShuttingDown(): Promise<boolean> {
    return Promise.resolve(this.isEnding);
  }
  countChannels(): Promise<number> {
    return Promise.resolve(this.channels);
  }
  coreUuid(): Promise<string> {
    return Promise.resolve(this.uuid);
  }
  pauseInbound(): Promise<void> {
    if (!this.isDeaf) this.isPaused = true;
    return Promise.resolve();
  }
  resumeInbound(): Promise<void> {
    this.isPaused = false;
    return Promise.resolve();
  }
  shutdownAsap(): Promise<void> {
    this.isEnding = true;
    return Promise.resolve();
  }
  onHeartbeat(listener: (news: HeartbeatNews) => void): Promise<void> {
    this.beat = listener;
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.end('closed by us');
    return Promise.resolve();
  }
}
