/** What the stand-in needs of a logger; pino's has this shape. */
export interface StandinLogger {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}
