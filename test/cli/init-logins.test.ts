import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOGIN_FILES, readLogins } from '../../src/cli/init-logins.js';
import { GROUP_ROLES } from '../../src/store/group-roles.js';
import { InvalidInputError, MissingPartError } from '../../src/util/errors.js';

/** A folder /s of these files; any other name is not there. */
function folder(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const found = files[path.replace('/s/', '')];
    if (found !== undefined) return found;
    throw Object.assign(new Error('not there'), { code: 'ENOENT' });
  };
}

test('each file is a login of the group role that its name tells', () => {
  const files = {
    'kamailio-db-url-load-balancer': 'postgres://carna_lb:one@127.0.0.1:5432/carna\n',
    'agent-database-url': 'postgresql://carna_agent:t%40wo@127.0.0.1:5432/carna',
    'esl-password': 'no login',
  };
  assert.deepEqual(readLogins('/s', folder(files)), [
    { user: 'carna_agent', password: 't@wo', role: 'carna_reader' },
    { user: 'carna_lb', password: 'one', role: 'carna_load_balancer' },
  ]);
});

test('there is a file for every group role', () => {
  const roles = LOGIN_FILES.map(([, role]) => role);
  assert.deepEqual([...roles].sort(), [...GROUP_ROLES].sort());
});

for (const text of ['', 'secret', 'postgres://nobody@h:5432/carna', 'postgres://:secret@h/carna']) {
  test(`what is no URL of a login is refused by the file's name and not shown: ${text}`, () => {
    assert.throws(
      () => readLogins('/s', folder({ 'agent-database-url': text })),
      (err: Error) =>
        err instanceof InvalidInputError &&
        err.message.includes('agent-database-url') &&
        !err.message.includes('secret') &&
        !err.message.includes('nobody'),
    );
  });
}

test('a folder without any login is named, and what could stand in it', () => {
  assert.throws(
    () => readLogins('/s', folder({})),
    (err: Error) => err instanceof MissingPartError && /^\/s names no login/.test(err.message),
  );
});

test('a file that may not be read is no file that is not there', () => {
  const denied = (): string => {
    throw Object.assign(new Error('no'), { code: 'EACCES' });
  };
  assert.throws(
    () => readLogins('/s', denied),
    /\/s\/reconciler-database-url cannot be read: EACCES/,
  );
});
