import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OptionsPing } from '../../src/agent/ports.js';
import { freeswitchControl } from '../../src/agent/servers/freeswitch.js';
import { kamailioControl } from '../../src/agent/servers/kamailio.js';
import type { RefusalMark, ServerControl } from '../../src/agent/servers/server.js';
import { ServerUnavailableError } from '../../src/util/errors.js';
import { FakeEsl } from './support/fake-esl.js';
import { FakeKamailio } from './support/fake-kamailio.js';

const fine: OptionsPing = () => Promise.resolve({ kind: 'answered', status: 200, latencyMs: 1 });

/** Keeps the value, and in `story` what happened in which order. */
class FakeMark implements RefusalMark {
  value: boolean;
  readonly story: string[] = [];

  constructor(value: boolean) {
    this.value = value;
  }
  read(): boolean {
    return this.value;
  }
  write(isRefusing: boolean): void {
    this.value = isRefusing;
    this.story.push(`mark ${isRefusing}`);
  }
}

class ToldEsl extends FakeEsl {
  readonly #story: string[];
  constructor(story: string[]) {
    super();
    this.#story = story;
  }
  override pauseInbound(): Promise<void> {
    this.#story.push('pause');
    return super.pauseInbound();
  }
  override resumeInbound(): Promise<void> {
    this.#story.push('resume');
    return super.resumeInbound();
  }
}

class ToldKamailio extends FakeKamailio {
  readonly #story: string[];
  uptime = 100;
  constructor(story: string[]) {
    super([]);
    this.#story = story;
  }
  override readUptimeSeconds(): Promise<number> {
    return Promise.resolve(this.uptime);
  }
  override setSharedVariable(name: string, value: number): Promise<void> {
    this.#story.push(`${name}=${value}`);
    return super.setSharedVariable(name, value);
  }
  setDispatcherPinging(isOn: boolean): Promise<void> {
    this.#story.push(`pinging ${isOn}`);
    return Promise.resolve();
  }
}

interface Bench {
  readonly mark: FakeMark;
  readonly control: ServerControl;
  readonly esl: ToldEsl;
  readonly rpc: ToldKamailio;
}

function openFreeswitch(mark: FakeMark, isAdopted: boolean): Bench {
  const esl = new ToldEsl(mark.story);
  const options = { profile: 'internal', gracefulMs: 1 };
  const open = () => Promise.resolve(esl);
  const control = freeswitchControl(open, fine, options, () => 0, mark);
  const life = { ring: () => undefined, isAdopted };
  return { mark, control: control(life), esl, rpc: new ToldKamailio([]) };
}

function openKamailio(mark: FakeMark, isAdopted: boolean): Bench {
  const rpc = new ToldKamailio(mark.story);
  const control = kamailioControl(rpc, fine, () => 0, mark);
  const life = { ring: () => undefined, isAdopted };
  return { mark, control: control(life), rpc, esl: new ToldEsl([]) };
}

const noteOf = async (control: ServerControl): Promise<string | null> => {
  const result = await control.probe(800);
  return result.kind === 'ok' ? result.note : `not ok: ${result.reason}`;
};

for (const [kind, open, refused, accepted] of [
  ['FreeSWITCH', openFreeswitch, ['pause'], ['resume']],
  ['Kamailio', openKamailio, ['drain=1', 'pinging false'], ['drain=0', 'pinging true']],
] as const) {
  test(`${kind}: the mark is set before the server is asked, and taken away after it`, async () => {
    const { mark, control } = open(new FakeMark(true), false);
    assert.equal(control.isRefusing(), false, 'a fresh life refuses nothing');
    assert.deepEqual(mark.story.splice(0), ['mark false']);
    await control.refuseNewWork();
    assert.equal(control.isRefusing(), true);
    assert.deepEqual(mark.story.splice(0), ['mark true', ...refused]);
    await control.acceptNewWork();
    assert.equal(control.isRefusing(), false);
    assert.deepEqual(mark.story, [...accepted, 'mark false']);
    await control.close();
  });

  test(`${kind}: a life taken over refuses as the mark says, and takes it all back when asked`, async () => {
    const { mark, control, esl } = open(new FakeMark(true), true);
    esl.isPaused = true;
    assert.equal(control.isRefusing(), true);
    assert.equal(await noteOf(control), null, 'a pause of ours is no fault');
    await control.acceptNewWork();
    assert.deepEqual(mark.story, [...accepted, 'mark false']);
    await control.close();
    const other = open(new FakeMark(false), true);
    assert.equal(other.control.isRefusing(), false);
    assert.deepEqual(other.mark.story, []);
    await other.control.close();
  });

  test(`${kind}: a server that does not listen leaves the mark set, for the next try`, async () => {
    const { mark, control, esl, rpc } = open(new FakeMark(false), false);
    const refuse = () => Promise.reject(new ServerUnavailableError('gone'));
    esl.pauseInbound = refuse;
    rpc.setSharedVariable = refuse;
    await assert.rejects(control.refuseNewWork(), ServerUnavailableError);
    assert.equal(mark.value, true);
    assert.equal(control.isRefusing(), false);
    await control.close();
  });
}

test('Kamailio: pings that do not come back on leave the refusal and its mark', async () => {
  const { mark, control, rpc } = openKamailio(new FakeMark(false), false);
  await control.refuseNewWork();
  rpc.setDispatcherPinging = () => Promise.reject(new ServerUnavailableError('gone'));
  await assert.rejects(control.acceptNewWork(), ServerUnavailableError);
  assert.equal(mark.value, true);
  assert.equal(control.isRefusing(), true);
});

test('FreeSWITCH: a restart by itself loses the pause, and so ends the refusal', async () => {
  const { mark, control, esl } = openFreeswitch(new FakeMark(false), false);
  await control.refuseNewWork();
  assert.equal(await noteOf(control), null);
  esl.uuid = 'u2';
  esl.isPaused = false;
  assert.equal(await noteOf(control), 'FreeSWITCH restarted by itself and takes new calls again');
  assert.equal(control.isRefusing(), false);
  assert.equal(mark.value, false);
  await control.refuseNewWork();
  assert.equal(await noteOf(control), null);
  assert.equal(control.isRefusing(), true);
  await control.close();
});

test('FreeSWITCH: a refusal that began on the new life before any probe saw it stands', async () => {
  const { control, esl } = openFreeswitch(new FakeMark(false), false);
  await control.probe(800);
  esl.uuid = 'u2';
  await control.refuseNewWork();
  assert.equal(await noteOf(control), null);
  assert.equal(control.isRefusing(), true);
  await control.close();
});

test('FreeSWITCH: somebody who resumed inbound calls under our refusal is noted', async () => {
  const { control, esl } = openFreeswitch(new FakeMark(false), false);
  await control.refuseNewWork();
  esl.isPaused = false;
  assert.equal(await noteOf(control), 'inbound calls were resumed, not by us');
  assert.equal(control.isRefusing(), true);
  await control.close();
});

test('FreeSWITCH: taken over with a mark but without its pause it takes calls, and says so', async () => {
  const { mark, control } = openFreeswitch(new FakeMark(true), true);
  assert.match((await noteOf(control)) ?? '', /restarted by itself/);
  assert.equal(control.isRefusing(), false);
  assert.equal(mark.value, false);
  await control.close();
});

test('Kamailio: a restart by itself forgets the drain variable, and so ends the refusal', async () => {
  const { mark, control, rpc } = openKamailio(new FakeMark(false), false);
  await control.probe(800);
  await control.refuseNewWork();
  assert.equal(await noteOf(control), null);
  rpc.uptime = 1;
  assert.equal(await noteOf(control), 'Kamailio restarted by itself and takes new calls again');
  assert.equal(control.isRefusing(), false);
  assert.equal(mark.value, false);
});

test('FreeSWITCH: a pause that was made and could not be proven counts as ours, and can be taken back', async () => {
  const { control, esl, mark } = openFreeswitch(new FakeMark(false), false);
  const read = esl.isInboundPaused.bind(esl);
  let looks = 0;
  esl.isInboundPaused = () => {
    looks += 1;
    return looks === 2 ? Promise.reject(new ServerUnavailableError('gone')) : read();
  };
  await assert.rejects(control.refuseNewWork(), ServerUnavailableError);
  assert.equal(control.mayRefuse(), true, 'whoever takes a drain back asks for this');
  await control.acceptNewWork();
  assert.equal(control.mayRefuse(), false);
  assert.equal(mark.value, false);
  assert.equal(await read(), false);
});

test('Kamailio: a variable that was set although the answer was lost counts as ours', async () => {
  const { control, rpc } = openKamailio(new FakeMark(false), false);
  const set = rpc.setSharedVariable.bind(rpc);
  rpc.setSharedVariable = async (name, value) => {
    await set(name, value);
    throw new ServerUnavailableError('the answer was lost');
  };
  await assert.rejects(control.refuseNewWork(), ServerUnavailableError);
  assert.equal(control.mayRefuse(), true);
});
