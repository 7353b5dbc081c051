import type { AgentView } from '../../agent/ports.js';
import type { AgentView as RegistryView } from '../../registry/views.js';

/** The registry's view with the shapes that the agent asks for. */
export function agentView(view: RegistryView): AgentView {
  return {
    generation: () => view.generation().record,
    intent: () => view.intent().record,
    applied: () => {
      const found = view.applied();
      if (found === null) return null;
      return new Map([...found.records].map(([id, { record }]) => [id, record]));
    },
    isFresh: () => view.isFresh(),
    watchApplied: () => view.watchApplied(),
    unwatchApplied: () => view.unwatchApplied(),
    subscribe: (listener) => view.subscribe(listener),
  };
}
