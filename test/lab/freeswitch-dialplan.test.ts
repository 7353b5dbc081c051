import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PASSED_HEADERS } from '../../src/lab/standin/b-leg.js';
import { CONF } from './freeswitch-node.js';

test('nothing that a caller can write is expanded twice', () => {
  // `set` expands its value again after the action's own expansion; `export` does not.
  const plan = ['public', 'onward'].map((f) =>
    readFileSync(join(CONF, `dialplan/${f}.xml`), 'utf8'),
  );
  const sets = plan.flatMap((text) => [...text.matchAll(/application="set" data="([^"]*)"/g)]);
  assert.ok(sets.length >= 8);
  for (const [, data] of sets) assert.doesNotMatch(data ?? '', /\$\{/);
  const captures = plan.flatMap((text) => [
    ...text.matchAll(
      /expression="([^"]*)">\s*<action application="(?:set|export)" data="[^"]*\$1/g,
    ),
  ]);
  assert.ok(captures.length >= 5);
  for (const [, expression = ''] of captures) {
    const pattern = new RegExp(expression.replaceAll('&lt;', '<'));
    for (const evil of ['${system(x)}', 'sip:${x}', 'a${x}@b.c', '<sip:a$b>']) {
      assert.doesNotMatch(evil, pattern, expression);
    }
  }
});

/** The value of a dialplan condition's expression, as a pattern. */
const expressionOf = (file: string, field: string): RegExp => {
  const text = readFileSync(join(CONF, 'dialplan', file), 'utf8');
  const found = [...text.matchAll(/field="([^"]*)" expression="([^"]*)"/g)].find(
    (m) => m[1] === field,
  );
  assert.ok(found?.[2] !== undefined, `no condition on ${field}`);
  return new RegExp(found[2].replaceAll('&lt;', '<'));
};

test('the dial string is built of names only, the dispatcher of a plain address only', () => {
  const name = expressionOf('onward.xml', 'destination_number');
  for (const good of ['bob', '+4930123456', 'a.b_c-d', '*97', '#31#']) assert.match(good, name);
  for (const bad of ['a,b', 'a|b', '[x=y]a', '{x=y}a', '<x>a', 'a@b', 'a/b', 'a b', "a'b", '']) {
    assert.doesNotMatch(bad, name);
  }
  const back = expressionOf('public.xml', '${sip_h_X-Carna-Back}');
  assert.equal(back.exec('sip:127.0.20.1:5060')?.[1], 'sip:127.0.20.1:5060');
  assert.equal(back.exec('<sip:d1.example:5060>')?.[1], 'sip:d1.example:5060');
  for (const bad of ['', 'sip:a@b', 'sip:a;lr', 'tel:1', 'sip:a,sip:b']) {
    assert.doesNotMatch(bad, back);
  }
});

test('a refused onward leg is told as it is, but for 5xx and challenges; only 503 and silence are tried again', () => {
  const told = expressionOf('onward.xml', '${sip_invite_failure_status}');
  for (const again of ['503', '408', '']) assert.match(again, told);
  for (const final of ['404', '480', '486', '500', '603']) assert.doesNotMatch(final, told);
  const text = readFileSync(join(CONF, 'dialplan/onward.xml'), 'utf8');
  const passed = /<context name="refused">[^]*?expression="([^"]*)"/.exec(text)?.[1] ?? '';
  for (const same of ['403', '404', '408', '480', '486', '487', '600', '603']) {
    assert.match(same, new RegExp(passed));
  }
  for (const other of ['', '302', '401', '407', '500', '503']) {
    assert.doesNotMatch(other, new RegExp(passed));
  }
});

test('a leg without a status was silent, unless it was sent elsewhere or rang until the time was up', () => {
  const silent = expressionOf('onward.xml', '${originate_disposition}');
  for (const cause of ['RECOVERY_ON_TIMER_EXPIRE', 'NORMAL_TEMPORARY_FAILURE', '']) {
    assert.match(cause, silent);
  }
  for (const cause of ['REQUESTED_CHAN_UNAVAIL', 'NO_ANSWER']) assert.doesNotMatch(cause, silent);
});

test('the onward leg says what the stand-in says: who calls, and whether that may be shown', () => {
  const text = readFileSync(join(CONF, 'dialplan/onward.xml'), 'utf8');
  const exported = [...text.matchAll(/application="export" data="nolocal:sip_h_([\w-]+)=/g)];
  const names = new Set(exported.map(([, name]) => name));
  // Of several Diversions FreeSWITCH keeps one, which would tell of a forwarding that was not so.
  for (const name of PASSED_HEADERS.filter((one) => one !== 'Diversion')) {
    assert.ok(names.has(name), name);
  }
  // The edge hides the identity by this one; FreeSWITCH keeps the header under this name alone.
  assert.match(text, /"nolocal:sip_h_Privacy=\$\{sip_Privacy\}"/);
});

test('FreeSWITCH calls nobody whom the called side names in a 3xx', () => {
  // Followed, it would be a call by the caller's name and at his cost; a phone forwarded to itself would go round.
  const text = readFileSync(join(CONF, 'dialplan/onward.xml'), 'utf8');
  assert.match(text, /application="export" data="nolocal:outbound_redirect_fatal=true"/);
});
