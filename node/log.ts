/**
 * What the node tells its operator, as facts with a sentence. The shape is pino's, so that a pino logger is one; the node
 * itself writes nothing.
 */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
