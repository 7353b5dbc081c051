import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DRILL_GROUPS, DRILL_NAMES, DRILL_SUMMARIES } from '../../src/lab/drills/names.js';
import { drillExitCode } from '../../src/cli/lab/drill.js';
import { brokenDrill, drillReport, drillResult, undoneDrill } from '../../src/lab/drills/report.js';
import { carna } from './support.js';

/** A lab that is not there: what is refused must be refused before it is looked for. */
const NO_LAB = { env: { CARNA_LAB_DIR: '/nonexistent/lab' } };

test('lab drill without a name lists the drills and says how to run one', async () => {
  const { code, out } = await carna('lab drill', undefined, NO_LAB);
  assert.equal(code, 0);
  const lines = out.split('\n');
  for (const name of DRILL_NAMES) {
    const line = lines.find((found) => found.startsWith(`  ${name} `));
    assert.ok(line?.endsWith(DRILL_SUMMARIES[name]), name);
  }
  assert.match(out, /carna lab drill --all\n$/);
  const headings = lines.filter((line) => /^[A-Z]/.test(line)).slice(0, -1);
  assert.deepEqual(
    headings,
    DRILL_GROUPS.map(({ heading }) => heading),
  );
});

test('help and completion know every drill', async () => {
  const help = await carna('lab drill --help');
  const completion = await carna('completion bash');
  const offered = /'lab drill'\) offered='([^']*)'/.exec(completion.out)?.[1]?.split(' ') ?? [];
  for (const name of DRILL_NAMES) {
    assert.ok(help.out.includes(`  ${name} `), name);
    assert.ok(offered.includes(name), name);
  }
});

test('a drill that does not exist, or a name beside --all, is wrong use', async () => {
  const unknown = await carna('lab drill no-such-drill', undefined, NO_LAB);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /Allowed choices are drain, /);
  const both = await carna('lab drill drain --all', undefined, NO_LAB);
  assert.equal(both.code, 2);
  assert.match(both.err, /the name of a drill or --all, found both/);
});

test('--quick without --all, or beside a name, is wrong use', async () => {
  for (const command of ['lab drill --quick', 'lab drill drain --quick']) {
    const { code, err } = await carna(command, undefined, NO_LAB);
    assert.equal(code, 2);
    assert.match(err, /carna lab drill --all --quick/);
  }
});

test('a drill without a lab says how to start one', async () => {
  const { code, err } = await carna('lab drill drain', undefined, NO_LAB);
  assert.equal(code, 1);
  assert.match(err, /no lab is up in .*carna lab up/);
});

test('--workers is for freeze alone, and not for an agent', async () => {
  assert.equal((await carna('lab kill dispatcher-1 --workers', undefined, NO_LAB)).code, 2);
  assert.equal((await carna('lab thaw dispatcher-1 --workers', undefined, NO_LAB)).code, 2);
  assert.equal(
    (await carna('lab freeze dispatcher-1 --workers --agent', undefined, NO_LAB)).code,
    2,
  );
  const noLab = await carna('lab freeze dispatcher-1 --workers', undefined, NO_LAB);
  assert.match(noLab.err, /no lab is up/);
});

test('the exit code of drills tells a failure from what this lab cannot do', () => {
  const good = { what: 'x', isGood: true, seen: 'y' };
  const passed = drillResult('drain', 1, { findings: [good], calls: { sent: 9, failed: 0 } });
  const undone = undoneDrill('ensemble-quorum-lost', '--zookeepers 3');
  const failed = brokenDrill('drain-cut', 1, 'no reason');
  const codeOf = (...drills: Parameters<typeof drillReport>[0]): number =>
    drillExitCode(drillReport(drills), true);
  assert.deepEqual(
    [codeOf(passed), codeOf(passed, undone), codeOf(passed, undone, failed), codeOf(undone)],
    [0, 3, 1, 3],
  );
  assert.equal(drillExitCode(drillReport([passed]), false), 1);
  assert.equal(drillExitCode(drillReport([passed, undone]), false), 1);
});

test('an ensemble has 1, 3 or 5 servers', async () => {
  for (const count of ['0', '2', '4', 'three']) {
    const { code, err } = await carna(`lab up --zookeepers ${count}`, undefined, NO_LAB);
    assert.equal(code, 2);
    assert.match(err, /expected 1, 3, 5/);
  }
});
