import { MissingPartError } from '../util/errors.js';
import type { Ports } from './context.js';

/**
 * What the executable wires below the operators' commands. Adapters are imported inside these functions,
 * so that `carna --help` loads none of them.
 */
export const SHIPPED_PORTS: Ports = {
  openOperatorData: async () => {
    throw new MissingPartError(
      'this build of carna has no connection to a registry',
      'wire openOperatorData in src/cli/ports.ts',
    );
  },
  endpointSource: { findLab: async () => null },
};
