import type { MediaSwitch } from '../../../src/lab/standin/media-switch.js';
import type { SipAddress } from '../../../src/lab/standin/sip-response.js';
import { Uas } from '../../../src/lab/standin/uas.js';
import type { FakeTime } from './fake-timers.js';
import { quiet } from './running.js';

/** The SIP side of media-1 over fake time; what it sends goes to `send`. */
export function testUas(
  core: MediaSwitch,
  time: FakeTime,
  send: (bytes: Buffer, to: SipAddress) => void,
): Uas {
  return new Uas({
    local: { host: '127.0.0.1', port: 5060 },
    nodeName: 'media-1',
    profileName: 'carna',
    ringMs: 20,
    switch: core,
    timers: time,
    log: quiet,
    send,
  });
}
