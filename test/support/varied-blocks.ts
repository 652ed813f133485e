/** A chain with something of everything: for tests that claim it altered. */
import { hash } from "../../node/crypto.ts";
import { sampleContract } from "./sample-contracts.ts";
import { transfer } from "./signing.ts";
import { alice, bob, type TestChain } from "./test-chain.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Three blocks: a creation and a transfer, a success and a revert, a halt and a transfer. The contract made. */
export async function extendByVaried(chain: TestChain): Promise<Uint8Array> {
  const first = await chain.extend([
    chain.sign(alice, [
      { kind: "upload", code: sampleContract },
      { kind: "create", codeHash: hash("code", sampleContract), salt: null, args: utf8("a"), value: 0n },
    ]),
    chain.sign(bob, [transfer(alice.address, 5n)]),
  ]);
  const contract = first.receipts[0]!.actions[1]!.created[0]!;
  const call = (method: string) => ({ kind: "call", contract, method, args: utf8(method), value: 0n }) as const;
  await chain.extend([chain.sign(alice, [call("set"), call("tell")]), chain.sign(bob, [call("refuse")])]);
  await chain.extend([chain.sign(alice, [call("trap")]), chain.sign(bob, [transfer(alice.address, 1n)])]);
  return contract;
}
