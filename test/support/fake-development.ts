/** The powers of a fake node: they remember what they were told, and each edit makes an empty block. */
import type { Development, DevelopmentTime, Head, Sealing, SnapshotInfo } from "../../node/rpc/service.ts";
import type { EditChange } from "../../node/transaction.ts";
import { InputError } from "../../vm/errors.ts";
import type { FakeNode } from "./fake-node.ts";

export class FakeDevelopment implements Development {
  readonly accounts: Development["accounts"];
  readonly edits: EditChange[] = [];
  labels: { readonly address: Uint8Array; readonly label: string }[] = [];
  impersonation: { everybody: boolean; addresses: Uint8Array[] } = { everybody: false, addresses: [] };
  snapshots: SnapshotInfo[] = [];
  stepMs: number | null = null;
  /** What `dump` gives, and what `load` was given. */
  dumped = Uint8Array.of(1, 2);
  loaded: Uint8Array | undefined;
  readonly #node: FakeNode;

  constructor(node: FakeNode, secretKey: Uint8Array, address: Uint8Array) {
    this.#node = node;
    this.accounts = [{ address, secretKey, path: "m/44'/1'/0'" }];
  }

  get time(): DevelopmentTime {
    const head = this.#node.head().header.time;
    return { next: head + 1_000, head, stepMs: this.stepMs };
  }

  async mine(count: number): Promise<Head> {
    return this.#node.mine(count);
  }
  setSealing(sealing: Sealing): void {
    this.#node.sealing = sealing;
  }
  drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number {
    return this.#node.drop(what);
  }
  async edit(changes: readonly EditChange[]) {
    this.edits.push(...changes);
    const { header, hash } = this.#node.seal([]);
    return { header, hash, transactionHash: new Uint8Array(32).fill(9) };
  }
  impersonate(address: Uint8Array | null): void {
    if (address === null) this.impersonation.everybody = true;
    else this.impersonation.addresses.push(address);
  }
  stopImpersonating(address: Uint8Array | null): void {
    if (address === null) this.impersonation.everybody = false;
    else this.impersonation.addresses = [];
  }
  setLabel(address: Uint8Array, label: string | null): void {
    this.labels = label === null ? [] : [{ address, label }];
  }
  async setTime(time: number, mine: boolean): Promise<DevelopmentTime> {
    if (mine) this.#node.seal([]);
    return { ...this.time, next: time };
  }
  async advanceTime(ms: number, mine: boolean): Promise<DevelopmentTime> {
    return this.setTime(this.time.next + ms, mine);
  }
  async setTimeStep(stepMs: number | null): Promise<DevelopmentTime> {
    this.stepMs = stepMs;
    return this.time;
  }
  async snapshot(): Promise<SnapshotInfo> {
    const taken = { id: this.snapshots.length + 1, height: this.#node.head().header.height };
    this.snapshots.push(taken);
    return taken;
  }
  async revert(id: number): Promise<Head> {
    const found = this.snapshots.find((taken) => taken.id === id);
    if (found === undefined) throw new InputError("snapshot_unknown", "there is none");
    this.#node.rollBack(found.height);
    return this.#node.head();
  }
  async reset(): Promise<Head> {
    this.#node.rollBack(0);
    return this.#node.head();
  }
  async dump() {
    const { height, stateRoot } = this.#node.head().header;
    return { bytes: this.dumped, height, stateRoot };
  }
  async load(bytes: Uint8Array): Promise<Head> {
    this.loaded = bytes;
    return this.#node.seal([]);
  }
}
