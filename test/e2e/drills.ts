import assert from 'node:assert/strict';
import type { DrillReport, DrillResult } from '../../src/lab/drills/report.js';
import type { Carna, Ended } from './carna.js';
import { listsEqualTable } from './lists.js';

/** What every drill has to show, whatever it breaks. */
const ALWAYS = [
  'no list of a Kamailio was ever without a destination for calls',
  'every daemon is connected to ZooKeeper',
  'the table is what the nodes want',
  'every live list is the table',
  'a second pass writes nothing and reloads nothing',
  'no daemon has crashed',
] as const;

/** Plays one drill, with its options; resolves when it has ended, whatever its exit code. */
export async function playDrill(carna: Carna, ...drill: readonly string[]): Promise<Ended> {
  return carna.try(['lab', 'drill', ...drill, '--json']);
}

/** A drill that ended has passed under calls, has looked at the invariants, and left the lists as the table is. */
export async function drillPassed(carna: Carna, ended: Ended): Promise<DrillResult> {
  const { code, stdout, stderr } = ended;
  assert.equal(code, 0, stdout + stderr);
  const { hasPassed, drills } = JSON.parse(stdout) as DrillReport;
  const [drill] = drills;
  assert.ok(hasPassed && drill !== undefined, stdout);
  const found = drill.findings.map(({ what }) => what);
  for (const what of ALWAYS) assert.ok(found.includes(what), what);
  assert.ok((drill.calls?.sent ?? 0) > 0);
  await listsEqualTable(await carna.status());
  return drill;
}
