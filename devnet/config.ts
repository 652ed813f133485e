/**
 * What `lockstep.config.ts` may say, as a type for those who write one:
 *
 *     import type { Config } from "lockstep/devnet";
 *     export default { dev: { blockTime: 2, accounts: 3 } } satisfies Config;
 */

export interface Config {
  /** Of `lockstep dev`. */
  readonly dev?: DevConfig;
}

/** The options of `lockstep dev` under the names of its flags; what is absent has the flag's default. */
export interface DevConfig {
  /** 0 to 65535; 0 takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** The chain's folder, seen from the file's own. */
  readonly data?: string;
  /** How many are funded at genesis: 1 to 1000. */
  readonly accounts?: number;
  /** BIP-39 words. */
  readonly mnemonic?: string;
  readonly chainId?: string;
  readonly deterministic?: boolean;
  readonly durability?: "os" | "sync" | "memory";
  /** Go on from another node's block: `ws://host:port`, or `ws://host:port@height`. */
  readonly fork?: string;
  /** Keep the state of the last so many blocks only. */
  readonly prune?: number;
  /** Seconds between blocks: 0.01 to 86400. */
  readonly blockTime?: number;
  /** Beside blocks every `blockTime`, one as soon as a transaction is ready. */
  readonly mixedMining?: boolean;
  /** `false`: blocks are made when asked for only. */
  readonly mining?: boolean;
  /** By default `fees`; with `deterministic` always `fifo`. */
  readonly order?: "fees" | "fifo";
  /** What a client must show to use the development methods. */
  readonly token?: string;
  /** Names, beside this machine's, under which the node may be reached. */
  readonly allowHost?: readonly string[];
  /** Origins, beside this machine's, whose pages may use the node. */
  readonly allowOrigin?: readonly string[];
  readonly logLevel?: "debug" | "info" | "warn" | "error" | "silent";
  readonly logFormat?: "auto" | "pretty" | "json";
  /** Seen from the file's own folder. */
  readonly readyFile?: string;
  readonly exitWithParent?: boolean;
  readonly quiet?: boolean;
}
