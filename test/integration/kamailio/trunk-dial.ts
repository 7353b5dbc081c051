import type { Scene } from './scene.js';

export function route(s: Scene): string {
  return `Route: <sip:${s.loadBalancer}:5060;lr>`;
}
