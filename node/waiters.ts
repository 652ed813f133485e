/**
 * Who waits for a transaction's receipt. Law: every wait settles once, with the receipt, with what kept the transaction out of
 * the chain, or with `wait_timeout`.
 */
import { InputError } from "../vm/errors.ts";
import { nameOf } from "./name-of.ts";
import type { TransactionRecord } from "./rpc/service.ts";

interface Waiter {
  readonly timer: NodeJS.Timeout;
  resolve(record: TransactionRecord): void;
  reject(error: Error): void;
}

export class Waiters {
  readonly #waiters = new Map<string, Waiter[]>();

  wait(hash: Uint8Array, timeoutMs: number): Promise<TransactionRecord> {
    const name = nameOf(hash);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const others = this.#waiters.get(name)!.filter((other) => other !== waiter);
        if (others.length === 0) this.#waiters.delete(name);
        else this.#waiters.set(name, others);
        const hint = "It still waits: ask for its receipt later. Perhaps an earlier nonce is missing.";
        reject(new InputError("wait_timeout", `no block took the transaction within ${timeoutMs} ms`, { hint }));
      }, timeoutMs);
      const waiter: Waiter = { timer, resolve, reject };
      const waiters = this.#waiters.get(name);
      if (waiters === undefined) this.#waiters.set(name, [waiter]);
      else waiters.push(waiter);
    });
  }

  /** `record` is made only if somebody waits. */
  resolve(hash: Uint8Array, record: () => TransactionRecord): void {
    const waiters = this.#take(nameOf(hash));
    if (waiters.length === 0) return;
    const included = record();
    for (const { resolve } of waiters) resolve(included);
  }

  reject(hash: Uint8Array, error: Error): void {
    for (const { reject } of this.#take(nameOf(hash))) reject(error);
  }

  rejectAll(error: Error): void {
    for (const name of [...this.#waiters.keys()]) for (const { reject } of this.#take(name)) reject(error);
  }

  #take(name: string): readonly Waiter[] {
    const waiters = this.#waiters.get(name);
    if (waiters === undefined) return [];
    this.#waiters.delete(name);
    for (const { timer } of waiters) clearTimeout(timer);
    return waiters;
  }
}
