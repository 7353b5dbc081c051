import type { QueueItem } from '../client/answers.js';

/** What Marathon's reasons mean, for people. */
const REASONS: Readonly<Record<string, string>> = {
  UnfulfilledRole: 'the resources are kept for another Mesos role than the app may use',
  UnfulfilledConstraint: 'a constraint of the app is not met (such as one node per host)',
  NoCorrespondingReservationFound: 'no reservation fits',
  AgentMaintenance: 'the host is in maintenance',
  InsufficientCpus: 'too few CPUs are free',
  InsufficientMemory: 'too little memory is free',
  InsufficientDisk: 'too little disk is free',
  InsufficientGpus: 'too few GPUs are free',
  InsufficientPorts: 'a port that it needs is taken or not offered',
  DeclinedScarceResources: 'the host is kept for apps that need its scarce resources',
};

/**
 * Why instances of an app have no place yet, one reason an entry, the commonest first. Empty when the
 * queue says nothing of them: an offer may come any moment. Pure.
 */
export function whyWaiting(item: QueueItem | undefined): readonly string[] {
  if (item === undefined) return [];
  const backoff =
    item.delayS > 0
      ? [`Marathon tries again in ${item.delayS} s, after failures of its tasks`]
      : [];
  const processed = Math.max(0, ...item.rejects.map((reject) => reject.processed));
  if (processed === 0) {
    return backoff.length > 0 ? backoff : ['no host offered anything yet'];
  }
  const rejects = item.rejects
    .filter(({ declined }) => declined > 0)
    .sort((a, b) => b.declined - a.declined)
    .map(
      ({ reason, declined }) =>
        `${declined} of the last ${processed} offers: ${REASONS[reason] ?? reason}`,
    );
  return [...backoff, ...rejects];
}
