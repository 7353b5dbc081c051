import { installVirtualTime } from './clock.js';

// First of all: what is imported behind this must see virtual time only.
installVirtualTime();
const { runSchedule, reportEscape } = await import('./schedule.js');

process.on('unhandledRejection', reportEscape);
process.on('uncaughtException', reportEscape);
process.on('disconnect', () => process.exit(1));

/** What a worker is asked to do. */
export interface WorkOrder {
  readonly from: number;
  readonly count: number;
  readonly isTraced: boolean;
}

process.on('message', (order: WorkOrder) => {
  void (async () => {
    for (let seed = order.from; seed < order.from + order.count; seed++) {
      const result = await runSchedule(seed, { isTraced: order.isTraced });
      const lines = order.isTraced ? result.lines : [];
      process.send?.({ ...result, lines });
    }
    process.send?.('done');
  })();
});
