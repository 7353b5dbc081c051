import { LabError } from '../util/errors.js';
import { dcRunDir } from './data-centres.js';
import { planLabs } from './plan.js';
import { tearDown } from './teardown.js';
import type { UpOptions, UpResult } from './up.js';
import { labUp } from './up.js';

/**
 * Brings `dcs` data centres up, one after the other, each with its own ZooKeeper, PostgreSQL and reconcilers
 * and with the others' ZooKeeper as remote ones. Gives what became of each, the first first.
 *
 * When a later one fails, those that were started are taken down again before the error is thrown.
 */
export async function labsUp(options: UpOptions, dcs: number): Promise<readonly UpResult[]> {
  const results: UpResult[] = [];
  try {
    for (const { net, site } of planLabs(options.size, options.net, dcs)) {
      const runDir = dcRunDir(options.runDir, results.length + 1);
      const result = await labUp({ ...options, runDir, net, site });
      results.push(result);
      if (result.state.plan.site.remotes.length === dcs - 1) continue;
      const others = result.state.plan.site.remotes.length;
      throw new LabError(
        `the lab in ${runDir} is up and knows ${others} other data centres, not ${dcs - 1}; begin anew: carna lab down && carna lab up --dc ${dcs}`,
      );
    }
  } catch (err) {
    for (const result of results.reverse()) {
      if (result.kind === 'started') await tearDown(result.state);
    }
    throw err;
  }
  return results;
}
