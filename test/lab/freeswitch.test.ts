import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  findFreeswitch,
  freeswitchCommand,
  prepareFreeswitchDirs,
  type FreeswitchNode,
} from '../../src/lab/freeswitch.js';
import { packageRoot } from '../../src/util/package-root.js';
import { testDir } from '../support/resources.js';
import { preprocess } from './freeswitch-preprocess.js';

const CONF = join(packageRoot(), 'freeswitch');
const SECRET = 'a1b2c3d4e5f6';

const node = (runDir: string): FreeswitchNode => ({
  runDir,
  nodeName: 'media-1',
  sipHost: '127.0.30.1',
  sipPort: 5060,
  eslHost: '127.0.30.1',
  eslPort: 8021,
  eslPassword: SECRET,
  maxSessions: 1000,
});

/** A prefix with an executable that is never run, and modules at `modDir` if given. */
function installed(modDir: string | null): string {
  const prefix = testDir('fs-prefix');
  mkdirSync(join(prefix, 'bin'));
  const binary = join(prefix, 'bin/freeswitch');
  writeFileSync(binary, '');
  chmodSync(binary, 0o755);
  if (modDir !== null) {
    mkdirSync(join(prefix, modDir), { recursive: true });
    writeFileSync(join(prefix, modDir, 'mod_sofia.so'), '');
  }
  return prefix;
}

for (const modDir of ['lib/freeswitch/mod', 'mod', 'lib64/freeswitch/mod']) {
  test(`finds the binary on PATH and its modules in ${modDir}`, () => {
    const prefix = installed(modDir);
    const found = findFreeswitch({ PATH: `/nonexistent:${prefix}/bin` });
    assert.deepEqual(found, {
      binary: join(prefix, 'bin/freeswitch'),
      prefix,
      modDir: join(prefix, modDir),
    });
  });
}

test('CARNA_FREESWITCH goes before PATH; without a module folder the built-in path holds', () => {
  const [named, onPath] = [installed(null), installed('mod')];
  const found = findFreeswitch({
    CARNA_FREESWITCH: `${named}/bin/freeswitch`,
    PATH: `${onPath}/bin`,
  });
  assert.equal(found?.prefix, named);
  assert.equal(found?.modDir, null);
});

test('no FreeSWITCH at all is null; a wrong CARNA_FREESWITCH is named', () => {
  assert.equal(findFreeswitch({ PATH: '/nonexistent' }), null);
  assert.equal(findFreeswitch({}), null);
  assert.throws(
    () => findFreeswitch({ CARNA_FREESWITCH: '/nonexistent/freeswitch' }),
    /CARNA_FREESWITCH=\/nonexistent\/freeswitch/,
  );
});

test('the command stays in the foreground, writes below the run directory, and hides the password', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: '/opt/fs/mod' };
  const { command, env, directories } = freeswitchCommand(found, node('/run/media-1'));
  const valueOf = (flag: string): string | undefined => command[command.indexOf(flag) + 1];
  assert.equal(command[0], found.binary);
  for (const flag of ['-nf', '-nc', '-nonat']) assert.ok(command.includes(flag), flag);
  assert.equal(valueOf('-conf'), CONF);
  assert.equal(valueOf('-log'), '/run/media-1/log');
  assert.equal(valueOf('-db'), '/run/media-1/db');
  assert.equal(valueOf('-run'), '/run/media-1/run');
  assert.equal(valueOf('-mod'), '/opt/fs/mod');
  assert.ok(directories.includes('/run/media-1/log'));
  assert.ok(!command.join(' ').includes(SECRET), 'the password must not be an argument');
  assert.equal(env['CARNA_ESL_PASSWORD'], SECRET);
  const noModules = freeswitchCommand({ ...found, modDir: null }, node('/run/media-1'));
  assert.ok(!noModules.command.includes('-mod'));
});

test('a value that would break the XML is refused by name and not shown', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null };
  const bad = { ...node('/run/media-1'), eslPassword: 'se"cret' };
  assert.throws(
    () => freeswitchCommand(found, bad),
    (err: Error) => err.message.includes('CARNA_ESL_PASSWORD') && !err.message.includes('se"cret'),
  );
});

test('only the owner can read the folder into which FreeSWITCH expands its configuration', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null };
  const command = freeswitchCommand(found, node(testDir('fs-run')));
  prepareFreeswitchDirs(command);
  prepareFreeswitchDirs(command);
  for (const dir of command.directories) assert.equal(statSync(dir).mode & 0o777, 0o700, dir);
});

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
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null };
  const { env } = freeswitchCommand(found, node('/run/media-1'));
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

const ENV = {
  ...freeswitchCommand(
    { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null },
    node('/run/media-1'),
  ).env,
};
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

/** What is wrong with an XML text, or null: tags nest, attributes are quoted, one root, no bare `&`. */
function wellFormedFault(text: string): string | null {
  const open: string[] = [];
  let roots = 0;
  let at = 0;
  const token =
    /<\?[^]*?\?>|<!--(?:(?!--)[^])*-->|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+="(?:[^"<&]|&(?:amp|lt|gt|quot|apos);)*")*)\s*(\/?)>|[^<&]+|&(?:amp|lt|gt|quot|apos);/y;
  while (at < text.length) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) return `bad markup at ${text.slice(at, at + 40)}`;
    at = token.lastIndex;
    const [whole, close, start, , isEmpty] = match;
    if (close !== undefined && open.pop() !== close) return `</${close}> closes nothing`;
    if (start !== undefined && open.length === 0) roots += 1;
    if (start !== undefined && isEmpty === '') open.push(start);
    if (close === undefined && start === undefined && !whole.startsWith('<')) {
      if (open.length === 0 && whole.trim() !== '') return 'text outside the root';
    }
  }
  if (open.length > 0) return `<${open.at(-1)}> is never closed`;
  return roots === 1 ? null : `${roots} roots`;
}
