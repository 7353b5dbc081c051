import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUIET } from './plan-world.js';
import * as p from './support.js';

const dir = mkdtempSync(join(tmpdir(), 'carna-plan-'));
after(() => rmSync(dir, { recursive: true }));

function wiringFile(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

test('the printed wiring is a start: unchanged it changes nothing', async () => {
  const { code, out } = await p.carna('plan --print-wiring');
  assert.equal(code, 0);
  const same = await p.carna(`plan --wiring ${wiringFile('same.json', out)}`, QUIET);
  assert.equal(same.code, 0, same.out);
  assert.match(same.out, /^With .*same\.json: the table is what it should be/);
});

test('another wiring: its rules, its rows, and that nothing of it is written', async () => {
  const { out: shipped } = await p.carna('plan --print-wiring');
  const file = wiringFile('moved.json', shipped.replace('"setid":30', '"setid":60'));
  const { code, out } = await p.carna(`plan --wiring ${file}`, QUIET);
  assert.equal(code, 4);
  assert.match(
    out,
    /moved\.json: 1 rows? would change now, 1 is held back by a guard\.\nReconcilers, agents and Kamailios run the shipped wiring/,
  );
  assert.match(
    out,
    /\+ insert {2}set 60 {2}sip:10\.0\.3\.1:5060[^]*! delete {2}set 30 {2}sip:10\.0\.3\.1:5060/,
  );
  assert.match(
    out,
    /wiring: dispatcher would no longer load media as set 30\nwiring: dispatcher would load media as set 60/,
  );
  assert.match(out, /! held set 30: 1 row \(rule never-empty\), would be held/);
});

test('a bad wiring is wrong use, every fault named; a missing file is named', async () => {
  const file = wiringFile('bad.json', '{"schema":1,"rules":[{"consumer":"x","target":"media"}]}');
  const bad = await p.carna(`plan --wiring ${file}`, QUIET);
  assert.deepEqual([bad.code, bad.out], [2, '']);
  assert.match(
    bad.err,
    /bad\.json: 2 faults[^]*rules\[0\]\.consumer[^]*rules\[0\]\.setid[^]*carna plan --print-wiring/,
  );
  const none = await p.carna(`plan --wiring ${join(dir, 'none.json')}`, QUIET);
  assert.equal(none.code, 3);
  assert.match(none.err, /none\.json cannot be read: ENOENT/);
});
