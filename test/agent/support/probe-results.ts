/** What a probe of a fake server may give. */
export const OK = { kind: 'ok', latencyMs: 1, note: null, lifeId: null } as const;
export const FAIL = { kind: 'fail', latencyMs: 1, reason: 'silent', isEnding: false } as const;
