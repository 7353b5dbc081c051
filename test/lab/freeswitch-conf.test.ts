import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeswitchCommand } from '../../src/lab/freeswitch.js';
import { CONF, FOUND, node } from './freeswitch-node.js';
import { preprocess } from './freeswitch-preprocess.js';
import { wellFormedFault } from './well-formed.js';

const files = readdirSync(CONF, { recursive: true, encoding: 'utf8' }).filter((f) =>
  f.endsWith('.xml'),
);

test('the configuration is there', () => {
  assert.ok(files.length >= 10, String(files));
});

for (const file of files) {
  test(`${file} is well-formed`, () => {
    const text = readFileSync(join(CONF, file), 'utf8');
    assert.equal(wellFormedFault(text), null);
  });
}

test('the well-formedness test can fail', () => {
  for (const bad of [
    '<a><b></a></b>',
    '<a>',
    '<a b=c/>',
    '<a/><b/>',
    '<!-- a -- b --><a/>',
    '<a>&</a>',
    'x<a/>',
  ]) {
    assert.notEqual(wellFormedFault(bad), null, bad);
  }
});

test('every variable that the configuration uses is set from what the command passes', () => {
  const { env } = freeswitchCommand(FOUND, node('/run/media-1'));
  const vars = readFileSync(join(CONF, 'vars.xml'), 'utf8');
  const set = new Map(
    [...vars.matchAll(/cmd="env-set" data="(\w+)=\$(\w+)"/g)].map((m) => [m[1], m[2]]),
  );
  const used = new Set(
    files.flatMap((file) =>
      [...readFileSync(join(CONF, file), 'utf8').matchAll(/\$\$\{(\w+)\}/g)].map((m) => m[1]),
    ),
  );
  assert.ok(used.size >= 6);
  for (const name of used) {
    // Its own, or set without us.
    if (name === 'recordings_dir' || OPTIONAL.test(name ?? '')) continue;
    const from = set.get(name);
    assert.ok(from !== undefined && env[from] !== undefined, `${name} is set by nothing`);
  }
});

const OPTIONAL = /^carna_(?:xml_curl|rtp_)/;

test('nothing of one machine is baked in', () => {
  for (const file of files) {
    const text = readFileSync(join(CONF, file), 'utf8');
    assert.doesNotMatch(text, /\d+\.\d+\.\d+\.\d+|ClueCon|\/(?:usr|opt|var|etc)\//, file);
  }
});

const ENV = freeswitchCommand(FOUND, node('/run/media-1')).env;
const expanded = (env: Readonly<Record<string, string>> = {}): string =>
  preprocess(join(CONF, 'freeswitch.xml'), { ...ENV, ...env });

test('the whole configuration is well-formed once it is put together, with its values in place', () => {
  const text = expanded();
  assert.equal(wellFormedFault(text), null);
  assert.doesNotMatch(text, /\$\$\{|X-PRE-PROCESS/);
  for (const context of ['public', 'onward', 'onward-again', 'refused']) {
    assert.match(text, new RegExp(`<context name="${context}">`));
  }
  assert.match(text, /<param name="sip-ip" value="127\.0\.30\.1"\/>/);
  assert.match(text, /<param name="rtp-start-port" value="16384"\/>/);
  assert.match(text, /<param name="rtp-end-port" value="30999"\/>/);
  assert.match(text, /<load module="mod_conference"\/>/);
});

test('nodes that share an address can be given media ports of their own', () => {
  const text = expanded({ CARNA_RTP_FIRST: '20000', CARNA_RTP_LAST: '24998' });
  assert.match(text, /<param name="rtp-start-port" value="20000"\/>/);
  assert.match(text, /<param name="rtp-end-port" value="24998"\/>/);
});

test('a call that brings no session description is taken, and not before the dialplan says by whom', () => {
  // `true` would answer each such call at once, also one that is for a phone.
  assert.match(expanded(), /<param name="enable-3pcc" value="proxy"\/>/);
});

test('the dialplan is asked for by HTTP when there is an address, and only then', () => {
  assert.doesNotMatch(expanded(), /<load module="mod_xml_curl"/);
  assert.doesNotMatch(expanded({ CARNA_XML_CURL_URL: '' }), /<load module="mod_xml_curl"/);
  const url = 'http://manager.example:8080/dialplan';
  const text = expanded({ CARNA_XML_CURL_URL: url });
  assert.equal(wellFormedFault(text), null);
  assert.match(text, /<load module="mod_xml_curl"\/>/);
  assert.ok(text.includes(`<param name="gateway-url" value="${url}" bindings="dialplan"/>`));
  assert.match(text, /<context name="public">/, 'the static files stay as the fallback');
});

test('a directive stands alone on its line, and in no comment: the rest of the line would be lost', () => {
  for (const file of files) {
    const text = readFileSync(join(CONF, file), 'utf8');
    for (const line of text.split('\n').filter((l) => l.includes('X-PRE-PROCESS'))) {
      assert.match(line, /^\s*<X-PRE-PROCESS cmd="[\w-]+" data="[^"]*"\/>$/, file);
    }
    assert.doesNotMatch(text, /<!--(?:(?!-->)[^])*X-PRE-PROCESS/, file);
  }
});
