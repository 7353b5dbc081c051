import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { digestHashes } from '../../../src/protocols/sip/ha1.js';
import { createLogin } from '../../../src/store/group-roles.js';
import { packageRoot } from '../../../src/util/package-root.js';
import type { TestDatabase } from '../store/database.js';
import { PASSWORD, startDatabase } from '../store/database.js';

const SECRET = 'correct horse';
const TIMEOUT_MS = 30_000;

let db: TestDatabase;
let env: NodeJS.ProcessEnv;

before(async () => {
  db = await startDatabase();
  await createLogin(db.store, { user: 'manager', password: 'its-own', role: 'carna_manager' });
  const url = db.url.replace(`postgres:${PASSWORD}`, 'manager:its-own');
  env = { ...process.env, CARNA_MANAGER_DATABASE_URL: url, CARNA_LAB: 'off', NO_COLOR: '1' };
});
after(() => db.close());

interface Session {
  readonly child: ChildProcessWithoutNullStreams;
  /** All that the terminal showed. */
  readonly shown: () => string;
  /** Resolves when the text was shown; rejects when the program ends before. */
  sees(text: string): Promise<void>;
  /** Exit code. */
  readonly ended: Promise<number | null>;
}

/** The executable on a terminal of its own, which script(1) makes; what we write is typed there. */
function onTerminal(line: string): Session {
  const bin = `${process.execPath} ${join(packageRoot(), 'dist/src/bin/carna.js')}`;
  const child = spawn('script', ['-qec', `${bin} ${line}`, '/dev/null'], { env });
  const timer = setTimeout(() => child.kill(), TIMEOUT_MS);
  let text = '';
  const look = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    for (const one of look) one();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
  const sees = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (text.includes(wanted)) resolve();
      };
      look.add(check);
      check();
      void ended.then(() => reject(new Error(`ended before "${wanted}": ${text}`)));
    });
  return { child, shown: () => text, sees, ended };
}

const storedHash = async (user: string): Promise<readonly unknown[]> =>
  db.store.query({
    text: 'SELECT password, ha1, ha1b FROM public.subscriber WHERE username = $1',
    values: [user],
  });

test('a password typed at a real terminal is not echoed, can be corrected, and is the one that counts', async () => {
  const session = onTerminal('user add alice@a.test');
  await session.sees('Password: ');
  session.child.stdin.write(`correct hoXX\u007f\u007frse\r`);
  await session.sees('The same again: ');
  session.child.stdin.write(`${SECRET}\r`);
  assert.equal(await session.ended, 0, session.shown());
  assert.match(session.shown(), /alice@a\.test is added/);
  assert.doesNotMatch(session.shown(), /horse|corr|XX/);
  const { ha1, ha1b } = digestHashes('alice', 'a.test', SECRET);
  assert.deepEqual(await storedHash('alice'), [{ password: '', ha1, ha1b }]);
});

test('Ctrl-C at the question changes nothing', async () => {
  const session = onTerminal('user add bob@a.test');
  await session.sees('Password: ');
  session.child.stdin.write('correct\u0003');
  assert.equal(await session.ended, 1, session.shown());
  assert.match(session.shown(), /nothing was changed/);
  assert.doesNotMatch(session.shown(), /correct/);
  assert.deepEqual(await storedHash('bob'), []);
});

test('users, trunks and their removal by the executable, with the rights of the manager alone', async () => {
  const steps: readonly (readonly [line: string, code: number, shown: RegExp])[] = [
    ['user add carol@a.test --number +442079460123 --generate', 0, /password {3}\S{24} /],
    ['user add dave@a.test --number +442079460123 --generate', 1, /belongs to carol@a\.test/],
    ['user list carol', 0, /carol@a\.test +\+442079460123 +○ no/],
    ['user passwd carol@a.test --generate', 0, /has another password/],
    ['trunk add carrier-a --to sip:203.0.113.5 --prefix +44 --cap 5', 0, /5 calls at once/],
    ['trunk list +442079460124', 0, /1 +carrier-a +100 %/],
    ['trunk list +442079460123', 0, /belongs to carol@a\.test/],
    ['trunk remove carrier-a --yes', 0, /carrier-a is removed/],
    ['user remove carol@a.test --yes', 0, /carol@a\.test is removed/],
    ['user remove carol@a.test --yes', 1, /there is no user carol@a\.test/],
  ];
  for (const [line, code, shown] of steps) {
    const session = onTerminal(line);
    assert.equal(await session.ended, code, `${line}: ${session.shown()}`);
    assert.match(session.shown(), shown, line);
  }
});
