/**
 * Another node's chain, as far as a follower asks for it. Nothing here is believed or compared; answers have their shape
 * checked, since whoever answers may be no node at all.
 */
import { InputError } from "../vm/errors.ts";
import { CLAIM_ANSWER_SIZE_MAX, type ClaimedBlock } from "./claimed-block.ts";
import { createClient } from "./rpc/client.ts";
import { fromHex } from "./rpc/json.ts";
import { isObject } from "./rpc/json-rpc.ts";

/** Which chain it is, and where its head is. */
export interface RemoteTip {
  readonly genesisHash: Uint8Array;
  readonly height: number;
  readonly hash: Uint8Array;
}

/** Every method throws `InputError`: what a client throws, and `answer_invalid`. */
export interface RemoteChain {
  tip(): Promise<RemoteTip>;
  /** Borsh of the genesis. */
  genesis(): Promise<Uint8Array>;
  /** Null when it has no block there. */
  block(height: number): Promise<ClaimedBlock | null>;
  /** Calls `onNews` when the head moved forward, and when nothing more will be told; over HTTP never. */
  watch(onNews: () => void): Promise<void>;
  /** What is still asked rejects. */
  close(): Promise<void>;
}

/** Throws `InputError` `url_invalid`. Connects at the first question. */
export function openRemoteChain(url: string): RemoteChain {
  const client = createClient(url, { answerSizeMax: CLAIM_ANSWER_SIZE_MAX });
  const invalid = (what: string) =>
    new InputError("answer_invalid", `${url} did not answer as a node does: ${what}`, {
      hint: "See that the address is a node's, and that the node's version is this one's.",
    });
  /** Bytes of an answer, in hexadecimal there. */
  const bytes = (value: unknown, what: string): Uint8Array => {
    try {
      if (typeof value === "string") return fromHex(value);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
    throw invalid(`${what} is not hexadecimal bytes`);
  };
  const fields = (value: unknown, method: string): Readonly<Record<string, unknown>> => {
    if (!isObject(value)) throw invalid(`${method} gave no object`);
    return value;
  };
  return {
    async tip() {
      const { genesisHash, height, headHash } = fields(await client.call("chain_info", {}), "chain_info");
      if (!Number.isSafeInteger(height) || (height as number) < 0) throw invalid("its height is no height");
      return {
        genesisHash: bytes(genesisHash, "its genesis hash"),
        height: height as number,
        hash: bytes(headHash, "its head's hash"),
      };
    },
    async genesis() {
      const { genesis } = fields(await client.call("chain_genesis", {}), "chain_genesis");
      return bytes(genesis, "its genesis");
    },
    async block(height) {
      const answer: unknown = await client.call("chain_rawBlock", { height });
      if (answer === null) return null;
      const { block, receipts } = fields(answer, "chain_rawBlock");
      if (!Array.isArray(receipts)) throw invalid(`block ${height} has no list of receipts`);
      return {
        block: bytes(block, `block ${height}`),
        receipts: receipts.map((receipt) => bytes(receipt, `a receipt of block ${height}`)),
      };
    },
    async watch(onNews) {
      if (!/^ws/i.test(url)) return;
      await client.subscribe({ topic: "heads" }, onNews, onNews);
    },
    close: () => client.close(),
  };
}
