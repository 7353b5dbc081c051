import fc from 'fast-check';
import assert from 'node:assert/strict';
import { answers, buildOptions, parseResponse } from '../../src/protocols/sip/message.js';
import { InvalidInputError, ProtocolError } from '../../src/util/errors.js';
import { holds } from './support/check.js';
import { accept, mutated, utf8 } from './support/outside-input.js';

/** I9: whatever comes as a datagram is a response or refused by name; nothing else is ever thrown. */

const RESPONSE = utf8(
  'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKb\r\nf: <sip:a@b>;tag=1\r\nCall-ID: c@127.0.0.1\r\nCSeq: 1 OPTIONS\r\n\r\n',
);
const REQUEST = { targetHost: 'a', targetPort: 1, localHost: '127.0.0.1', localPort: 1 };

holds('any datagram is a SIP response or refused', 2_000, () =>
  fc.property(
    fc.oneof(
      mutated(RESPONSE),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    ),
    (datagram) => {
      const response = accept(() => parseResponse(Buffer.from(datagram)), ProtocolError);
      if (response === null) return;
      assert.ok(response.status >= 100 && response.status < 700);
      assert.ok(response.headers.every((h) => typeof h.name === 'string'));
      answers(response, { ...REQUEST, branchToken: 'b', fromTag: 'f', callId: 'c', cseq: 1 });
    },
  ),
);

holds('a header of any name is read as text', 1_000, () =>
  fc.property(
    fc.oneof(fc.constantFrom('constructor', '__proto__', 'valueof'), fc.string()),
    fc.string(),
    (name, value) => {
      const datagram = Buffer.from(`SIP/2.0 200 OK\r\n${name}: ${value}\r\n\r\n`);
      const response = accept(() => parseResponse(datagram), ProtocolError);
      for (const header of response?.headers ?? []) assert.equal(typeof header.name, 'string');
    },
  ),
);

holds('an OPTIONS is built from any words, or they are refused', 1_000, () =>
  fc.property(fc.string(), fc.string(), fc.integer(), (host, callId, port) => {
    const given = { ...REQUEST, targetHost: host, targetPort: port, callId };
    accept(
      () => buildOptions({ ...given, branchToken: 'b', fromTag: 'f', cseq: 1 }),
      InvalidInputError,
    );
  }),
);
