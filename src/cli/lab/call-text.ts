import type { CallReport } from '../../lab/calls/report.js';

const MAX_SHOWN = 10;

/** The report for people: the verdict first. */
export function callText(report: CallReport): string[] {
  const failed = report.sent - report.completed;
  const { pdd } = report;
  return [
    `${report.sent} calls: ${report.completed} completed, ${failed} failed`,
    ...(pdd === null
      ? []
      : [
          `answered after ${pdd.medianMs.toFixed(0)} ms median, ${pdd.p90Ms.toFixed(0)} p90, ${pdd.p99Ms.toFixed(0)} p99, ${pdd.maxMs.toFixed(0)} max`,
        ]),
    ...report.nodes.map((node) => `  ${node.node}   ${node.answered} calls, ${node.failed} failed`),
    ...report.failed
      .slice(0, MAX_SHOWN)
      .map(
        (call) => `  ${call.callId}   ${call.why}${call.node === null ? '' : ` (on ${call.node})`}`,
      ),
    ...(report.failed.length > MAX_SHOWN
      ? [`  … and ${report.failed.length - MAX_SHOWN} more`]
      : []),
  ];
}
