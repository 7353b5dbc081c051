import type { Ports } from './context.js';

/**
 * What the executable wires below the operators' commands. Adapters are imported inside these functions,
 * so that `carna --help` loads none of them.
 */
export const SHIPPED_PORTS: Ports = {
  openOperatorData: async (config) => {
    const { openLiveData } = await import('./live-data.js');
    return openLiveData(config);
  },
  openAccounts: async (config) => {
    const { openLiveAccounts } = await import('./live-accounts.js');
    return openLiveAccounts(config);
  },
  openMarathon: async (config) => {
    const { openConfiguredMarathon } = await import('./configured-marathon.js');
    return openConfiguredMarathon(config);
  },
  endpointSource: {
    findLab: async (runDir) => {
      const { labEndpoints } = await import('../lab/endpoints.js');
      return labEndpoints(runDir, process.env);
    },
  },
};
