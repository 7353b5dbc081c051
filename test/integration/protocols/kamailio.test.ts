import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, test } from 'node:test';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import {
  readDispatcherList,
  reloadDispatcher,
  setDispatcherState,
} from '../../../src/protocols/binrpc/dispatcher-rpc.js';
import {
  readDialogCounts,
  readSharedMemory,
  readSharedVariable,
  readTmStats,
  readUptimeSeconds,
  readVersion,
  setSharedVariable,
} from '../../../src/protocols/binrpc/kamailio-rpc.js';
import { intOf, requireMember, textOf } from '../../../src/protocols/binrpc/value.js';
import type { CarnaError } from '../../../src/util/errors.js';
import {
  BinrpcFaultError,
  DeadlineError,
  ServerUnavailableError,
} from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import {
  GENEROUS_MS,
  killGroup,
  ping,
  PORT,
  socketPath,
  spawnKamailio,
  untilAnswered,
  writeList,
} from './running-kamailio.js';

let kamailio: ChildProcess;
let rpc: BinrpcClient;

async function startKamailio(): Promise<void> {
  kamailio = spawnKamailio();
  rpc = new BinrpcClient({ socketPath, timeoutMs: GENEROUS_MS });
  await untilAnswered(rpc);
}

/** The reload window of the fixture's config is three seconds: a reload waits until it has passed. */
async function reload(): Promise<void> {
  await waitUntil('the reload is allowed', GENEROUS_MS, async () => {
    const result = await reloadDispatcher(rpc);
    assert.notEqual(result.kind, 'failed');
    return result.kind === 'ok';
  });
}

/** The pid of the process that serves the ctl socket. */
async function ctlPid(): Promise<number> {
  const processes = await rpc.call('core.psx');
  const ctl = processes.find((p) => textOf(requireMember(p, 'DSC')) === 'ctl handler');
  assert.ok(ctl);
  return intOf(requireMember(ctl, 'PID'));
}

before(async () => {
  writeList([
    '1 sip:127.9.9.1:5060 0 0 duid=a;weight=50',
    '1 sip:127.9.9.2:5060 8 5',
    '7 sip:127.9.9.3:5060 12 0',
  ]);
  await startKamailio();
});

after(() => {
  rpc.close();
  killGroup(kamailio);
});

test('the typed questions', async () => {
  assert.match(await readVersion(rpc), /^kamailio \d+\.\d+\.\d+/);
  assert.ok((await readUptimeSeconds(rpc)) >= 0);
  const stats = await readTmStats(rpc);
  assert.deepEqual([stats.current, stats.waiting], [0, 0]);
  const memory = await readSharedMemory(rpc);
  assert.equal(memory.totalKib, 64 * 1024);
  assert.ok(memory.freeKib + memory.usedKib <= 64 * 1024 && memory.freeKib > 32 * 1024);
  assert.ok(memory.usedKib > 0 && memory.maxUsedKib >= memory.usedKib);
  assert.equal(await readDialogCounts(rpc), null, 'the module dialog is not loaded');
});

test('the live list, and what each state does to its letters', async () => {
  const live = await readDispatcherList(rpc);
  assert.deepEqual(
    live.toSorted((a, b) => a.destination.localeCompare(b.destination)),
    [
      {
        setid: 1,
        destination: 'sip:127.9.9.1:5060',
        letters: 'AX',
        priority: 0,
        attrs: 'duid=a;weight=50',
      },
      { setid: 1, destination: 'sip:127.9.9.2:5060', letters: 'AP', priority: 5, attrs: '' },
      { setid: 7, destination: 'sip:127.9.9.3:5060', letters: 'DP', priority: 0, attrs: '' },
    ],
  );
  const states = {
    a: 'AX',
    ap: 'AP',
    i: 'IX',
    ip: 'IP',
    t: 'TX',
    tp: 'TP',
    d: 'DX',
    dp: 'DX',
  } as const;
  for (const uri of ['sip:127.9.9.1:5060', 'sip:127.9.9.2:5060']) {
    for (const [state, letters] of Object.entries(states)) {
      await setDispatcherState(rpc, state as keyof typeof states, 1, uri);
      const found = (await readDispatcherList(rpc)).find((d) => d.destination === uri);
      assert.equal(found?.letters, letters, `${uri} ${state}`);
    }
  }
});

test('faults carry their text and leave the connection usable', async () => {
  const faults: readonly (readonly [Promise<unknown>, string])[] = [
    [rpc.call('no.such.method'), 'command no.such.method not found'],
    [setDispatcherState(rpc, 'a', 99, 'sip:127.9.9.1:5060'), 'State Update Failed'],
    [rpc.call('dispatcher.set_state', ['zz', 1, 'sip:127.9.9.1:5060']), 'Unknown State Value'],
  ];
  for (const [call, text] of faults) {
    await assert.rejects(call, (err) => {
      assert.ok(err instanceof BinrpcFaultError);
      assert.deepEqual([err.faultCode, err.faultText], [500, text]);
      return true;
    });
  }
});

test('a shared variable is set and read', async () => {
  await setSharedVariable(rpc, 'drain', 1);
  assert.equal(await readSharedVariable(rpc, 'drain'), 1);
  const result = await ping();
  assert.equal(result.kind === 'answered' && result.status, 503);
  await setSharedVariable(rpc, 'drain', 0);
});

test('a second reload comes too early; an empty list is no error', async () => {
  await reload();
  assert.deepEqual(await reloadDispatcher(rpc), { kind: 'too-early' });
  writeList([]);
  await reload();
  assert.deepEqual(await readDispatcherList(rpc), []);
});

test('a list of more than 200 kB arrives whole, many times', async () => {
  const uris = Array.from({ length: 1500 }, (_, i) => `sip:127.9.${i >> 8}.${i & 255}:5060`);
  writeList(uris.map((uri) => `3 ${uri} 8 0 duid=node-${uri};weight=50;rweight=50;maxload=0`));
  await reload();
  for (let round = 0; round < 20; round++) {
    const live = await readDispatcherList(rpc);
    assert.deepEqual(live.map((d) => d.destination).sort(), uris.toSorted());
  }
});

test('OPTIONS: answered, silent, refused', async () => {
  const answered = await ping();
  assert.equal(answered.kind === 'answered' && answered.status, 200);
  await setSharedVariable(rpc, 'drain', 2);
  assert.equal((await ping(PORT, 50)).kind, 'silent');
  await setSharedVariable(rpc, 'drain', 0);
  const refused = await ping(PORT + 1);
  assert.match(refused.kind === 'silent' ? refused.reason : '', /ECONNREFUSED/);
});

test('a stopped ctl process is a deadline; once it goes on, the next call works', async () => {
  const pid = await ctlPid();
  process.kill(pid, 'SIGSTOP');
  try {
    await assert.rejects(readVersion(rpc, 100), DeadlineError);
    await assert.rejects(readVersion(rpc, 100), DeadlineError);
    assert.equal((await ping()).kind, 'answered', 'SIP does not need the ctl process');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  assert.match(await readVersion(rpc), /^kamailio/);
});

test('kill -9 is told at once and named; a new Kamailio on the same socket is found', async () => {
  const died = new Promise<CarnaError>((resolve) => {
    rpc.onClose(resolve);
  });
  await readVersion(rpc);
  killGroup(kamailio);
  assert.ok((await died) instanceof ServerUnavailableError);
  await assert.rejects(readVersion(rpc), (err) => {
    assert.ok(err instanceof ServerUnavailableError);
    assert.ok(err.message.includes(socketPath));
    return true;
  });
  const survivor = rpc;
  await waitUntil('the address is free', GENEROUS_MS, async () => (await ping()).kind === 'silent');
  await startKamailio();
  assert.match(await readVersion(survivor), /^kamailio/);
  survivor.close();
});
