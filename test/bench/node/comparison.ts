/**
 * Nodes against each other: all get the same load on new chains, in turns within each run, so that whatever else the machine
 * does falls on all of them. A figure is the median of the runs' ratios. A peer that fails is left out, and the report says why.
 */
import type { Report } from "../main.ts";
import type { Server } from "./server.ts";
import { type System, startServer, timeInclusion, timeSending, waitForBlock } from "./system.ts";

export interface Load {
  readonly transactionCount: number;
  readonly senderCount: number;
  readonly inFlight: number;
}

/** What one system did in each run. */
export type Runs<T> = ReadonlyMap<System, readonly T[]>;

export class Comparison {
  readonly #root: string;
  readonly #report: Report;
  readonly #runCount: number;
  /** Ours. When it fails, all does. */
  readonly #first: System;
  readonly #systems: Set<System>;

  constructor(
    root: string,
    report: Report,
    { runCount, first, peers }: { runCount: number; first: System; peers: readonly (System | undefined)[] },
  ) {
    this.#root = root;
    this.#report = report;
    this.#runCount = runCount;
    this.#first = first;
    this.#systems = new Set([first, ...peers.filter((peer) => peer !== undefined)]);
  }

  /** Receipts awaited, all nodes up at once, a slice of the load at a time. Milliseconds of each slice. */
  async slices(load: Load, sliceSize: number): Promise<Runs<readonly number[]>> {
    const transactions = this.#sign(load);
    return this.#collect(async () => {
      const slices = new Map<System, number[]>();
      const servers = new Map<System, Server>();
      try {
        for (const system of this.#systems) {
          await this.#attempt(system, async () => servers.set(system, await startServer(system, this.#root)));
          slices.set(system, []);
        }
        for (let from = 0; from < load.transactionCount; from += sliceSize) {
          for (const [system, { socket }] of servers) {
            const slice = transactions.get(system)!.slice(from, from + sliceSize);
            const send = (transaction: string) => system.send(socket, transaction);
            await this.#attempt(system, async () =>
              slices.get(system)!.push(await timeSending(slice, load.inFlight, send)),
            );
          }
        }
      } finally {
        for (const server of servers.values()) await server.stop();
      }
      return slices;
    });
  }

  /**
   * Blocks every `intervalS` seconds, only admission awaited until the last receipt, one node after the other, each from a
   * block on. Transactions per second.
   */
  async intervals(load: Load, intervalS: number): Promise<Runs<number>> {
    const transactions = this.#sign(load);
    return this.#collect(async () => {
      const rates = new Map<System, number>();
      for (const system of this.#systems) {
        await this.#attempt(system, async () => {
          const server = await startServer(system, this.#root, { intervalS });
          try {
            await waitForBlock(system, server.socket);
            const time = await timeInclusion(system, server.socket, transactions.get(system)!, load);
            rates.set(system, (load.transactionCount / time) * 1e3);
          } finally {
            await server.stop();
          }
        });
      }
      return rates;
    });
  }

  #sign({ transactionCount, senderCount }: Load): ReadonlyMap<System, readonly string[]> {
    const signed = [...this.#systems].map(
      (system) => [system, system.transfers(transactionCount, senderCount)] as const,
    );
    return new Map(signed);
  }

  async #collect<T>(run: () => Promise<ReadonlyMap<System, T>>): Promise<Runs<T>> {
    const runs = new Map<System, T[]>();
    for (let count = 0; count < this.#runCount; count++) {
      for (const [system, result] of await run()) runs.set(system, [...(runs.get(system) ?? []), result]);
    }
    for (const system of runs.keys()) if (!this.#systems.has(system)) runs.delete(system);
    return runs;
  }

  /** Does nothing for a peer that failed before. */
  async #attempt(system: System, act: () => Promise<unknown>): Promise<void> {
    try {
      if (this.#systems.has(system)) await act();
    } catch (error) {
      if (system === this.#first) throw error;
      this.#systems.delete(system);
      this.#report(`${system.name} is left out: ${(error as Error).message}`);
    }
  }
}
