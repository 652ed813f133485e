/**
 * What scripts of puppets do, told as simply as it can be: a message works on a copy of the whole state, and the copy takes the
 * place of the state when the message succeeds. Gas is left out, but that whoever burns ends out of it.
 */
import { contractAddress } from "../../node/address.ts";
import type { HaltReason, RefusalReason } from "../../vm/outcome.ts";
import { haltReasons, refusalReasons } from "../../vm/outcome.ts";
import { CALL_DEPTH_MAX } from "../../vm/profile.ts";
import { encodeScript, little, type PuppetMethod, type Script, type Step } from "./puppet.ts";

interface ModelAccount {
  balance: bigint;
  /** Hex; null for an account without code. */
  codeHash: string | null;
  readonly storage: Map<number, number>;
}

export interface ModelState {
  readonly accounts: Map<string, ModelAccount>;
  events: { readonly contract: string; readonly data: number }[];
  created: string[];
}

export type ModelOutcome =
  | { readonly kind: "success"; readonly data: Uint8Array }
  | { readonly kind: "revert"; readonly code: number; readonly data: Uint8Array }
  | { readonly kind: "halt"; readonly reason: HaltReason }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

/** Code hashes, in hex: those of puppets, and that of code without any method of theirs. */
export interface KnownCode {
  readonly puppets: ReadonlySet<string>;
  readonly bare: string;
}

type Method = PuppetMethod | "init" | "migrate";

interface ModelMessage {
  readonly caller: string;
  readonly contract: string;
  readonly method: Method;
  readonly value: bigint;
  readonly script: Script;
  readonly readOnly: boolean;
  /** Those who wait, and then this contract. */
  readonly stack: readonly string[];
}

class Exit {
  readonly outcome: ModelOutcome;
  constructor(outcome: ModelOutcome) {
    this.outcome = outcome;
  }
}

const empty = new Uint8Array();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const halt = (reason: HaltReason): never => {
  throw new Exit({ kind: "halt", reason });
};
const refuse = (reason: RefusalReason): never => {
  throw new Exit({ kind: "refused", reason });
};

export class Model {
  state: ModelState = { accounts: new Map(), events: [], created: [] };
  readonly #known: KnownCode;

  constructor(known: KnownCode) {
    this.#known = known;
  }

  account(address: string): ModelAccount {
    let account = this.state.accounts.get(address);
    if (account === undefined) {
      account = { balance: 0n, codeHash: null, storage: new Map() };
      this.state.accounts.set(address, account);
    }
    return account;
  }

  /** A call as a transaction makes it. */
  transaction(
    sender: Uint8Array,
    contract: Uint8Array,
    method: PuppetMethod,
    value: bigint,
    script: Script,
  ): ModelOutcome {
    return this.#call({
      caller: hex(sender),
      contract: hex(contract),
      method,
      value,
      script,
      readOnly: false,
      stack: [hex(contract)],
    });
  }

  #attempt(stack: readonly string[], run: () => ModelOutcome): ModelOutcome {
    if (stack.length > CALL_DEPTH_MAX) return { kind: "halt", reason: "CallDepth" };
    const before = structuredClone(this.state);
    let outcome: ModelOutcome;
    try {
      outcome = run();
    } catch (exit) {
      if (!(exit instanceof Exit)) throw exit;
      outcome = exit.outcome;
    }
    if (outcome.kind !== "success") this.state = before;
    return outcome;
  }

  #call(message: ModelMessage): ModelOutcome {
    return this.#attempt(message.stack, () => {
      const { codeHash } = this.account(message.contract);
      if (codeHash === null) return refuse("NotAContract");
      if (!this.#known.puppets.has(codeHash) || message.method === "none") return refuse("NoSuchMethod");
      if (message.method === "self" && message.caller !== message.contract) return refuse("PrivateMethod");
      if (message.value > 0n && (message.method === "work" || message.method === "look")) return refuse("NotPayable");
      const isWaiting = message.stack.slice(0, -1).includes(message.contract);
      if (isWaiting && message.method !== "open" && message.method !== "self") return halt("Reentrancy");
      return this.#run(message);
    });
  }

  #create(message: Omit<ModelMessage, "contract" | "method">, codeHash: Uint8Array, salt: Uint8Array): ModelOutcome {
    const creator = Buffer.from(message.caller, "hex");
    const contract = hex(contractAddress({ creator, origin: { kind: "salt", salt }, codeHash }));
    return this.#attempt([...message.stack, contract], () => {
      if (!this.#isStored(codeHash)) return refuse("UnknownCode");
      const account = this.account(contract);
      if (account.codeHash !== null) return refuse("AddressTaken");
      account.codeHash = hex(codeHash);
      this.state.created.push(contract);
      return this.#special({ ...message, contract, method: "init", stack: [...message.stack, contract] });
    });
  }

  #upgrade(message: Omit<ModelMessage, "method">, codeHash: Uint8Array): ModelOutcome {
    return this.#attempt(message.stack, () => {
      if (!this.#isStored(codeHash)) return refuse("UnknownCode");
      this.account(message.contract).codeHash = hex(codeHash);
      return this.#special({ ...message, method: "migrate" });
    });
  }

  #isStored(codeHash: Uint8Array): boolean {
    return this.#known.puppets.has(hex(codeHash)) || this.#known.bare === hex(codeHash);
  }

  #special(message: ModelMessage): ModelOutcome {
    if (this.account(message.contract).codeHash !== this.#known.bare) return this.#run(message);
    if (encodeScript(message.script).length > 0) return refuse("NoSuchMethod");
    this.#move(message.caller, message.contract, message.value);
    return { kind: "success", data: empty };
  }

  #move(source: string, target: string, amount: bigint): void {
    if (this.account(source).balance < amount) refuse("InsufficientBalance");
    this.account(source).balance -= amount;
    this.account(target).balance += amount;
  }

  #run(message: ModelMessage): ModelOutcome {
    this.#move(message.caller, message.contract, message.value);
    const self = message.contract;
    const readOnly = message.readOnly || message.method === "look";
    const transcript: number[] = [];
    const note = (outcome: ModelOutcome) => {
      const status = ["success", "revert", "halt", "refused"].indexOf(outcome.kind);
      const result = resultOf(outcome);
      transcript.push(status, ...little(BigInt(result.length), 4), ...result);
    };
    const below = (script: Script) => ({ caller: self, script, readOnly, stack: message.stack });
    for (const step of message.script) {
      if (readOnly && writes(step)) halt("ReadOnlyViolation");
      switch (step.kind) {
        case "set":
          this.account(self).storage.set(step.key, step.value);
          break;
        case "get":
          transcript.push(this.account(self).storage.get(step.key) ?? 0xff);
          break;
        case "emit":
          this.state.events.push({ contract: self, data: step.data });
          break;
        case "call":
        case "view": {
          const contract = hex(step.contract);
          const isView = step.kind === "view";
          note(
            this.#call({
              ...below(step.script),
              contract,
              method: step.method,
              value: isView ? 0n : step.value,
              readOnly: readOnly || isView,
              stack: [...message.stack, contract],
            }),
          );
          break;
        }
        case "transfer":
          note(
            this.#attempt([], () => {
              if (this.account(hex(step.to)).codeHash !== null) return refuse("NotPayable");
              this.#move(self, hex(step.to), step.amount);
              return { kind: "success", data: empty };
            }),
          );
          break;
        case "create":
          note(this.#create({ ...below(step.script), value: step.value }, step.codeHash, step.salt));
          break;
        case "upgrade": {
          const stack = [...message.stack, self];
          note(this.#upgrade({ ...below(step.script), contract: self, value: 0n, stack }, step.codeHash));
          break;
        }
        case "revert":
          return { kind: "revert", code: step.code, data: Uint8Array.of(step.data) };
        case "trap":
          return halt("Unreachable");
        case "burn":
          return halt("OutOfGas");
      }
    }
    return { kind: "success", data: Uint8Array.from(transcript) };
  }
}

function writes(step: Step): boolean {
  if (step.kind === "call") return step.value > 0n;
  return ["set", "emit", "transfer", "create", "upgrade"].includes(step.kind);
}

function resultOf(outcome: ModelOutcome): Uint8Array {
  switch (outcome.kind) {
    case "success":
      return outcome.data;
    case "revert":
      return Uint8Array.of(...little(BigInt(outcome.code), 4), ...outcome.data);
    case "halt":
      return Uint8Array.of(haltReasons.indexOf(outcome.reason));
    case "refused":
      return Uint8Array.of(refusalReasons.indexOf(outcome.reason));
  }
}
