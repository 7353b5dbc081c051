import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreeSwitchResponse } from 'esl';
import { EslJobs } from '../../../src/protocols/esl/jobs.js';
import { EslWire } from '../../../src/protocols/esl/wire.js';
import { jsonEvent } from './replay.js';

const quiet = { debug: () => undefined, info: () => undefined, error: () => undefined };

/** A package's connection that has got `count` background jobs which nobody asked for. */
function afterForeignJobs(count: number, prepare: (esl: FreeSwitchResponse) => void): number {
  const wire = new EslWire(() => undefined);
  const esl = new FreeSwitchResponse(wire, quiet);
  prepare(esl);
  for (let i = 0; i < count; i++) {
    const event = { 'Event-Name': 'BACKGROUND_JOB', 'Job-UUID': `job-${i}`, _body: 'x' };
    wire.deliver(Buffer.from(jsonEvent(event)));
  }
  const kept = (esl as unknown as { __later: ReadonlyMap<string, unknown> }).__later.size;
  esl.end();
  wire.destroy();
  return kept;
}

test('the package keeps the jobs of others for ever; sorted ones leave nothing behind', () => {
  assert.equal(
    afterForeignJobs(500, () => undefined),
    500,
  );
  assert.equal(
    afterForeignJobs(500, (esl) => new EslJobs(esl)),
    0,
  );
});

test('a job gets its own output; what is failed rejects', async () => {
  let jobs: EslJobs | undefined;
  const bodies: Promise<string>[] = [];
  afterForeignJobs(3, (esl) => {
    jobs = new EslJobs(esl);
    bodies.push(jobs.expect('job-1').body, jobs.expect('job-9').body);
  });
  assert.equal(await bodies[0], 'x');
  jobs?.failAll(new Error('over'));
  await assert.rejects(bodies[1] ?? Promise.resolve(), /over/);
});
