import { installVirtualTime } from './clock.js';

// First of all: what is imported behind this must see virtual time only.
installVirtualTime();
const { runSchedule, reportEscape } = await import('./schedule.js');
const { SABOTAGES } = await import('./sabotage.js');

process.on('unhandledRejection', reportEscape);
process.on('uncaughtException', reportEscape);
process.on('disconnect', () => process.exit(1));

/** What a worker is asked to do. */
export interface WorkOrder {
  readonly from: number;
  readonly count: number;
  readonly isTraced: boolean;
  /** Name of a planted fault (sabotage.ts). */
  readonly sabotage: string | null;
}

process.on('message', (order: WorkOrder) => {
  void (async () => {
    for (let seed = order.from; seed < order.from + order.count; seed++) {
      const sabotage = order.sabotage === null ? undefined : SABOTAGES[order.sabotage]?.plant;
      const options = sabotage === undefined ? {} : { sabotage };
      const result = await runSchedule(seed, { isTraced: order.isTraced, ...options });
      const lines = order.isTraced ? result.lines : [];
      process.send?.({ ...result, lines });
    }
    process.send?.('done');
  })();
});
