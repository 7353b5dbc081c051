import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BinrpcDecoder, encodeRequest } from '../../../src/protocols/binrpc/codec.js';
import { membersNamed, memberNamed } from '../../../src/protocols/binrpc/value.js';
import { ProtocolError } from '../../../src/util/errors.js';
import { decode } from './codec-rig.js';
import { hexAfter, notation, recordedExchanges, recordedIn } from './transcripts.js';

const recorded = recordedExchanges();

test('the transcripts are all there', () =>
  assert.ok(recorded.length >= 240, `${recorded.length}`));

for (const exchange of recorded) {
  test(`recorded: ${exchange.title}`, () => {
    const [method = '', ...params] = exchange.call;
    assert.deepEqual(encodeRequest(exchange.cookie, String(method), params), exchange.request);
    if (exchange.isCut) {
      const decoder = new BinrpcDecoder();
      assert.deepEqual(decoder.push(exchange.reply), []);
      assert.equal(decoder.isInsideMessage, true);
      return;
    }
    const [message, ...more] = decode(exchange.reply);
    assert.ok(message);
    assert.deepEqual(more, []);
    assert.equal(message.cookie, exchange.cookie);
    if (message.kind === 'fault') {
      assert.equal(exchange.type, 'FAULT');
      assert.deepEqual([message.code, message.text], exchange.values);
    } else {
      assert.equal(exchange.type, 'REPLY');
      assert.deepEqual(message.values.map(notation), exchange.values);
    }
  });
}

test('recorded: a reload that comes too early', () => {
  const text = readFileSync('test/fixtures/binrpc/62_dispatcher.reload_too_early.txt', 'utf8');
  const [first = '', second = '', third = ''] = text.split(/^request 2|^dispatcher.remove/m);
  const [ok] = decode(hexAfter(first, 'reply'));
  assert.ok(ok?.kind === 'reply');
  assert.deepEqual(ok.values.map(notation), ['Ok. Dispatcher successfully reloaded.']);
  for (const part of [second, third]) {
    const [fault] = decode(hexAfter(part, 'reply'));
    assert.ok(fault?.kind === 'fault');
    assert.deepEqual([fault.code, fault.text], [500, 'Ongoing reload']);
  }
});

test('recorded: JSON-RPC on a socket of ours is refused, not waited for', () => {
  const text = readFileSync('test/fixtures/binrpc/64_jsonrpc.txt', 'utf8');
  const reply = text.slice(text.indexOf('{', text.indexOf('<<')));
  assert.throws(() => decode(Buffer.from(reply)), ProtocolError);
});

test('repeated names are all found, in order', () => {
  const [message] = decode(recordedIn('10_')[0]?.reply ?? Buffer.alloc(0));
  assert.ok(message?.kind === 'reply');
  const [list] = message.values;
  assert.ok(list);
  const records = memberNamed(list, 'RECORDS');
  assert.ok(records);
  const ids = membersNamed(records, 'SET').map((set) => memberNamed(set, 'ID'));
  assert.deepEqual(ids, [
    { kind: 'int', value: 2 },
    { kind: 'int', value: 1 },
  ]);
});
