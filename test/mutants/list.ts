import { APPLIER } from './agent-mutants.js';
import type { Mutant } from './mutant.js';
import { FENCE, GUARDS } from './reconciler-mutants.js';
import { REGISTRY } from './registry-mutants.js';

export const MUTANTS: readonly Mutant[] = [...GUARDS, ...FENCE, ...APPLIER, ...REGISTRY];
