import { addNode } from '../../lab/grow.js';
import { openPlatform } from '../../lab/platform.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { ROLES } from '../../topology/node.js';
import { UsageError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { untilInterrupted } from '../process-like.js';
import { labLogger } from './logger.js';

const SETTLE_TIMEOUT_MS = 30_000;

/** `carna lab add ROLE`. */
export async function addCommand(context: Context, wanted: string): Promise<void> {
  const role = ROLES.find((known) => known === wanted);
  if (role === undefined) throw new UsageError(`expected ${ROLES.join(', ')}, found ${wanted}`);
  const lab = requireLab(defaultRunDir(context.proc.env));
  const startMs = performance.now();
  const { state, node } = await addNode(lab, role, context.proc.env);
  const platform = openPlatform(state, labLogger(context.proc.env));
  try {
    const names = state.plan.nodes.map((n) => n.name);
    await untilInterrupted(context.proc, (signal) =>
      platform.untilSettled(names, SETTLE_TIMEOUT_MS, signal),
    );
  } finally {
    await platform.close();
  }
  const tookMs = performance.now() - startMs;
  context.print(
    `${node.name} takes part after ${(tookMs / 1_000).toFixed(1)} s at ${node.sip.host}:${node.sip.port}`,
  );
}
