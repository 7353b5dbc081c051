import { openStore } from '../../store/pool.js';
import type { QueryFunction } from '../../store/pool.js';
import { postgresUrl } from '../parts/postgres.js';
import { LAB_DATABASE } from '../secrets.js';
import type { LabState } from '../state.js';

const TIMEOUT_MS = 10_000;

/** Works in the lab's database as PostgreSQL's superuser; throws what `work` throws, or a store error. */
export async function asSuperuser<T>(
  lab: LabState,
  work: (query: QueryFunction) => Promise<T>,
): Promise<T> {
  const at = { ...lab.plan.postgres, password: lab.secrets.superuserPassword };
  const store = openStore({
    url: postgresUrl(at, LAB_DATABASE),
    connectTimeoutMs: TIMEOUT_MS,
    statementTimeoutMs: TIMEOUT_MS,
    log: { warn: () => undefined }, // Its only use ends before anybody could read it.
  });
  try {
    return await store.withConnection(work);
  } finally {
    await store.close();
  }
}
