import { execFile } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LabError } from '../../util/errors.js';
import type { LabState } from '../state.js';
import { partDir } from '../state.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, oneOf, SHORT_CALLS, wholeAgain } from './stage.js';
import { untilFailureGone, untilFailureShown } from './store-failure.js';
import { asSuperuser } from './superuser.js';
import { WantedChanges } from './wanted-changes.js';

const run = promisify(execFile);
const MOUNT_TIMEOUT_MS = 10_000;
const SPACE = 'drill_full';
/** Every commit writes to both. */
const TABLES = ['carna.generation', 'carna.change'] as const;
/** Rows go to new pages at once: what is left free in the present ones would last for some commits. */
const SPARSE = 10;
const DENSE = 100;
const SPARE_BYTES = 1_048_576;
const CHUNK = Buffer.alloc(65_536);

/**
 * The disk under the tables of every commit is full while changes are wanted: no commit succeeds, and the
 * reconciler says why; when there is space again, all goes on. The disk is a small tmpfs, mounted as root.
 */
export const postgresFull: Drill = {
  ...SHORT_CALLS,
  needs: () => Promise.resolve(process.getuid?.() === 0 ? null : 'root, to mount a small disk'),
  act,
};

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, say } = stage;
  const dir = join(partDir(lab.runDir, 'postgres'), 'small-disk');
  const findings: Finding[] = [];
  await mountSmallDisk(lab, dir);
  try {
    await moveTables(lab, dir);
    const changes = new WantedChanges(stage, oneOf(lab, 'media'));
    try {
      const filled = fill(dir);
      say(`the disk under ${TABLES.join(' and ')} is full (${filled} bytes of ballast)`);
      findings.push(await untilFailureShown(stage, /No space left on device \(53100\)/));
    } finally {
      rmSync(join(dir, 'ballast'), { force: true });
      await changes.stop();
    }
    say('there is space again');
    findings.push(await untilFailureGone(stage));
  } finally {
    await moveBack(lab);
    await unmountSmallDisk(dir);
  }
  const whole = await wholeAgain(stage);
  return (report) => [noCallFailed(report), ...findings, whole];
}

async function mountSmallDisk(lab: LabState, dir: string): Promise<void> {
  const bytes = await asSuperuser(lab, async (query) => {
    const [found] = await query<{ bytes: string }>(
      'SELECT sum(pg_total_relation_size(name::regclass)) AS bytes FROM unnest($1::text[]) AS name',
      [TABLES],
    );
    return Number(found?.bytes ?? 0) + SPARE_BYTES;
  });
  mkdirSync(dir, { recursive: true });
  const options = `size=${bytes},mode=0700,uid=postgres,gid=postgres`;
  try {
    await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { timeout: MOUNT_TIMEOUT_MS });
  } catch (err) {
    rmdirSync(dir);
    throw new LabError('no small disk could be mounted for the drill postgres-full', {
      cause: err,
    });
  }
}

/** PostgreSQL keeps files of what it has dropped open for a while: the disk goes with the last of them. */
async function unmountSmallDisk(dir: string): Promise<void> {
  try {
    await run('umount', ['--lazy', dir], { timeout: MOUNT_TIMEOUT_MS });
    rmdirSync(dir);
  } catch (err) {
    throw new LabError(`${dir} could not be unmounted; do: umount --lazy ${dir}`, { cause: err });
  }
}

async function moveTables(lab: LabState, dir: string): Promise<void> {
  await asSuperuser(lab, async (query) => {
    await query(`CREATE TABLESPACE ${SPACE} LOCATION '${dir}'`);
    for (const table of TABLES) {
      await query(`ALTER TABLE ${table} SET (fillfactor = ${SPARSE})`);
      await query(`ALTER TABLE ${table} SET TABLESPACE ${SPACE}`);
    }
  });
}

/** Fine when nothing was moved. */
async function moveBack(lab: LabState): Promise<void> {
  await asSuperuser(lab, async (query) => {
    for (const table of TABLES) {
      await query(`ALTER TABLE ${table} SET TABLESPACE pg_default`);
      await query(`ALTER TABLE ${table} SET (fillfactor = ${DENSE})`);
    }
    // Files of dropped versions go at the next checkpoint; a tablespace with files cannot go.
    await query('CHECKPOINT');
    await query(`DROP TABLESPACE IF EXISTS ${SPACE}`);
  });
}

/** Writes until the disk takes no more; gives how many bytes it took. */
function fill(dir: string): number {
  const ballast = join(dir, 'ballast');
  let bytes = 0;
  for (let size = CHUNK.length; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) {
        writeFileSync(ballast, CHUNK.subarray(0, size), { flag: 'a' });
        bytes += size;
      }
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOSPC') throw err;
    }
  }
  return bytes;
}
