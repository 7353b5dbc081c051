import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EslApiPort } from '../../../src/protocols/esl/freeswitch-commands.js';
import {
  pauseInbound,
  readChannelCount,
  readCoreUuid,
  readInboundPaused,
  readProfileState,
  readShuttingDown,
  readStatus,
  resumeInbound,
  shutdownAsap,
} from '../../../src/protocols/esl/freeswitch-commands.js';
import { InvalidInputError } from '../../../src/util/errors.js';
import { recordedAnswers } from './replay.js';

/** Answers each command with the body recorded in a transcript. */
function recordedPort(prefix: string): EslApiPort {
  const answers = recordedAnswers(prefix);
  return {
    api: async (command) => {
      const answer = answers.get(`api ${command}`);
      assert.ok(answer, `not recorded: ${command}`);
      const text = Buffer.concat(answer.pieces).toString();
      return text.slice(text.indexOf('\n\n') + 2);
    },
  };
}

const says = (body: string): EslApiPort => ({ api: async () => body });

test('recorded: the status of an idle and of a paused core', async () => {
  assert.deepEqual(await readStatus(recordedPort('11')), {
    isReady: true,
    activeSessions: 0,
    sessionLimit: 1000,
    sessionsPerSecond: 0,
    sessionsPerSecondLimit: 30,
    idleCpuPercent: 90.9,
    version: '1.11.1-release git c2c5964 2026-05-26 20:41:26Z 64bit',
  });
  assert.equal((await readStatus(recordedPort('68'))).activeSessions, 4);
});

test('recorded: the state of a profile, of a missing and of a stopped one', async () => {
  assert.equal(await readProfileState(recordedPort('12'), 'internal'), 'RUNNING');
  assert.equal(await readProfileState(recordedPort('12'), 'external'), null);
  assert.equal(await readProfileState(recordedPort('27'), 'internal'), null);
});

test('recorded: checks, counts, uuid', async () => {
  assert.equal(await readInboundPaused(recordedPort('16')), false);
  assert.equal(await readInboundPaused(recordedPort('23')), true);
  assert.equal(await readShuttingDown(recordedPort('16')), false);
  assert.equal(await readChannelCount(recordedPort('13')), 0);
  assert.equal(await readChannelCount(recordedPort('68')), 4);
  assert.equal(await readCoreUuid(recordedPort('14')), 'eb412e69-9130-4ba5-8600-86a533186e41');
});

test('recorded: pause and resume', async () => {
  await pauseInbound(recordedPort('23'));
  await resumeInbound(recordedPort('23'));
});

test('shutdown goes out as a background job', async () => {
  const jobs: string[] = [];
  await shutdownAsap({ startJob: async (command) => void jobs.push(command) });
  assert.deepEqual(jobs, ['fsctl shutdown asap']);
});

const REFUSED: readonly (readonly [string, Promise<unknown>, RegExp])[] = [
  ['a status that is no JSON', readStatus(says('UP 0 years')), /expected JSON, found "UP 0 years"/],
  [
    'a status without sessions',
    readStatus(says('{"status":"success","response":{}}')),
    /response\.sessions/,
  ],
  ['a failed status', readStatus(says('{"status":"error"}')), /status: .*success/],
  ['profiles that are a list', readProfileState(says('{"profiles":[]}'), 'x'), /profiles/],
  [
    'a check that says maybe',
    readInboundPaused(says('maybe')),
    /expected true or false, found "maybe"/,
  ],
  ['a table instead of a count', readChannelCount(says('uuid,direction\n\n1 total.\n')), /N total/],
  ['a pause that says nothing', pauseInbound(says('')), /expected \+OK, found ""/],
];

for (const [name, question, message] of REFUSED) {
  test(`refused: ${name}`, async () =>
    assert.rejects(question, (err) => {
      assert.ok(err instanceof InvalidInputError);
      assert.match(err.message, message);
      return true;
    }));
}
