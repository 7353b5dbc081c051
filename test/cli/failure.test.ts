import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EXIT, exitCodeOf } from '../../src/cli/exit-codes.js';
import { reportFailure } from '../../src/cli/failure.js';
import { createLogger } from '../../src/cli/logger.js';
import * as errors from '../../src/util/errors.js';

type ErrorClass = new (...args: readonly unknown[]) => errors.CarnaError;

const classes = Object.entries(errors).filter(
  ([, value]) => typeof value === 'function' && value.prototype instanceof errors.CarnaError,
);

test('there are error classes to check', () => assert.ok(classes.length > 15));

for (const [name, value] of classes) {
  test(`${name} has an exit code of its own choice`, () => {
    const err = new (value as unknown as ErrorClass)(['a'], 'b', 'c', 'd');
    assert.notEqual(exitCodeOf(err), EXIT.bug, `${err.code} is missing in exit-codes.ts`);
  });
}

function report(err: unknown): { code: number; text: string } {
  let text = '';
  const code = reportFailure(err, (t) => (text += t));
  return { code, text };
}

test('an expected failure has no stack, its cause and a next step', () => {
  const cause = new Error('connect ECONNREFUSED 10.0.0.5:5432');
  const { code, text } = report(new errors.StoreUnavailableError('PostgreSQL is away', { cause }));
  assert.equal(code, 3);
  assert.equal(
    text,
    `error: PostgreSQL is away
  because: connect ECONNREFUSED 10.0.0.5:5432
  next: check that PostgreSQL runs where CARNA_DATABASE_URL (users and trunks: CARNA_MANAGER_DATABASE_URL) says
`,
  );
});

for (const [err, next] of [
  [new errors.MarathonUnavailableError('gone'), /next: check that Marathon runs/],
  [new errors.MarathonAnswerError('HTML'), /next: check that CARNA_MARATHON is/],
  [new errors.MarathonRefusedError('PUT', 401, 'no'), /next: check CARNA_MARATHON_USER/],
  [new errors.MarathonAmbiguousError('lost'), /next: look at what Marathon does/],
] as const) {
  test(`${err.code} says what to do next`, () => assert.match(report(err).text, next));
}

test('a wrong setting points at the part of README that lists them all', () => {
  const { text } = report(new errors.ConfigError(['CARNA_DC: expected a name, found ""']));
  const heading = /all variables: README\.md, "([^"]+)"/.exec(text)?.[1];
  assert.ok(readFileSync('README.md', 'utf8').includes(`\n## ${heading}\n`));
});

test('a bug shows its stack, asks for a report and exits with 70', () => {
  const { code, text } = report(new TypeError('x is not a function'));
  assert.equal(code, 70);
  assert.match(text, /failure\.test/);
  assert.match(text, /Please report it/);
});

test('several failures are all told; the gravest code counts', () => {
  const both = new AggregateError([
    new errors.UsageError('wrong'),
    new errors.HeldByGuardError('held'),
  ]);
  const { code, text } = report(both);
  assert.equal(code, 4);
  assert.match(text, /error: wrong[^]*error: held/);
});

test('no failure shows a password of a URL', () => {
  const url = 'postgresql://carna:s3c@ret@db:5432/k';
  for (const err of [new errors.StoreRefusedError(`cannot open ${url}`), new Error(url)]) {
    const { text } = report(err);
    assert.doesNotMatch(text, /s3c|ret@/);
    assert.match(text, /postgresql:\/\/\*\*\*@db:5432\/k/);
  }
});

function logged(object: object): Record<string, unknown> {
  let line = '';
  const destination = { write: (text: string) => void (line += text) };
  const log = createLogger({ level: 'info', base: { component: 'test' }, destination });
  log.debug('too quiet');
  log.info(object, 'a message');
  return JSON.parse(line) as Record<string, unknown>;
}

test('log lines are JSON with base fields, level by name and an ISO time', () => {
  const line = logged({ nodeId: 'media-1' });
  assert.equal(line['level'], 'info');
  assert.equal(line['component'], 'test');
  assert.equal(line['nodeId'], 'media-1');
  assert.equal(line['msg'], 'a message');
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT/);
});

test('secrets are redacted at the top and two levels below, URLs keep their host', () => {
  const secret = 'hunter2';
  const line = logged({
    password: secret,
    config: { zookeeperAuth: secret, store: { databaseUrl: `postgresql://u:${secret}@db/k` } },
    esl: { auth: secret },
  });
  const text = JSON.stringify(line);
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /postgresql:\/\/\*\*\*@db\/k/);
});

test('an error in the log has no credentials in message, stack or cause', () => {
  const cause = new Error('tried postgresql://u:hunter2@db/k');
  const line = logged({ err: new errors.StoreRefusedError('amqp://u:hunter2@mq', { cause }) });
  const text = JSON.stringify(line);
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /CARNA_STORE_REFUSED/);
});
