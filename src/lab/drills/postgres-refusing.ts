import { LAB_LOGINS } from '../secrets.js';
import type { LabState } from '../state.js';
import { askDrain, takeBack } from './drain-round.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  BACK_TIMEOUT_MS,
  noCallFailed,
  oneOf,
  seconds,
  SHORT_CALLS,
  wallMs,
  wholeAgain,
} from './stage.js';
import { untilFailureGone, untilFailureShown } from './store-failure.js';
import { asSuperuser } from './superuser.js';
import { untilFlags } from './wanted-changes.js';

const { user } = LAB_LOGINS.reconciler;
const DISABLED = 4;

/** PostgreSQL refuses the reconciler's login while a change is wanted: it says so, and makes the change when it may again. */
export const postgresRefusing: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, say } = stage;
  const node = oneOf(lab, 'media');
  const findings: Finding[] = [];
  try {
    try {
      await setLogin(lab, 'NOLOGIN');
      say(`${user} may not log in, its connections are ended`);
      await askDrain(stage, node, null);
      findings.push(await untilFailureShown(stage, /refused/i));
    } finally {
      await setLogin(lab, 'LOGIN');
    }
    const givenBackAtMs = wallMs();
    say(`${user} may log in again`);
    const atMs = await untilFlags(stage, node, DISABLED, BACK_TIMEOUT_MS);
    findings.push({
      what: 'the change that was wanted meanwhile is made',
      isGood: atMs !== null,
      seen:
        atMs === null ? 'it is NOT' : `${seconds(atMs - givenBackAtMs)} after the right is back`,
    });
    findings.push(await untilFailureGone(stage));
  } finally {
    await takeBack(stage, node);
  }
  const whole = await wholeAgain(stage);
  return (report) => [noCallFailed(report), ...findings, whole];
}

async function setLogin(lab: LabState, right: 'LOGIN' | 'NOLOGIN'): Promise<void> {
  await asSuperuser(lab, async (query) => {
    await query(`ALTER ROLE "${user}" ${right}`);
    if (right === 'NOLOGIN') {
      await query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [
        user,
      ]);
    }
  });
}
