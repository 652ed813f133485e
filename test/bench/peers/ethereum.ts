/**
 * What a client of an Ethereum node needs to send a transfer: the keys behind the words every devnet has (BIP-39, BIP-32,
 * m/44'/60'/0'/0/i), RLP, and transactions of EIP-1559 signed with secp256k1.
 */
import { createHmac } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { mnemonicToSeedSync } from "@scure/bip39";

export interface EthereumAccount {
  readonly secretKey: Uint8Array;
  /** 20 bytes. */
  readonly address: Uint8Array;
}

interface ExtendedKey {
  readonly secretKey: Buffer;
  readonly chainCode: Buffer;
}

const HARDENED = 0x8000_0000;
/** Above the account's number. */
const ACCOUNT_PATH = [HARDENED + 44, HARDENED + 60, HARDENED, 0];

/** The first accounts of the words. */
export function ethereumAccounts(mnemonic: string, count: number): readonly EthereumAccount[] {
  const master = split(hmac(Buffer.from("Bitcoin seed"), mnemonicToSeedSync(mnemonic)));
  const parent = ACCOUNT_PATH.reduce(deriveChild, master);
  return Array.from({ length: count }, (_, index) => {
    const { secretKey } = deriveChild(parent, index);
    const publicKey = secp256k1.getPublicKey(secretKey, false);
    return { secretKey, address: keccak_256(publicKey.subarray(1)).subarray(12) };
  });
}

function deriveChild({ secretKey, chainCode }: ExtendedKey, index: number): ExtendedKey {
  const data = Buffer.alloc(37);
  if (index >= HARDENED) data.set(secretKey, 1);
  else data.set(secp256k1.getPublicKey(secretKey, true));
  data.writeUInt32BE(index, 33);
  const { secretKey: tweak, chainCode: next } = split(hmac(chainCode, data));
  const sum = (toBigInt(tweak) + toBigInt(secretKey)) % secp256k1.Point.Fn.ORDER;
  return { secretKey: Buffer.from(sum.toString(16).padStart(64, "0"), "hex"), chainCode: next };
}

function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac("sha512", key).update(data).digest();
}

function split(digest: Buffer): ExtendedKey {
  return { secretKey: digest.subarray(0, 32), chainCode: digest.subarray(32) };
}

export type RlpItem = Uint8Array | readonly RlpItem[];

export function encodeRlp(item: RlpItem): Uint8Array {
  if (item instanceof Uint8Array) {
    return item.length === 1 && item[0]! < 0x80 ? item : Buffer.concat([rlpPrefix(0x80, item.length), item]);
  }
  const content = Buffer.concat(item.map(encodeRlp));
  return Buffer.concat([rlpPrefix(0xc0, content.length), content]);
}

function rlpPrefix(offset: number, length: number): Uint8Array {
  if (length < 56) return Uint8Array.of(offset + length);
  const lengthBytes = rlpInteger(BigInt(length));
  return Uint8Array.of(offset + 55 + lengthBytes.length, ...lengthBytes);
}

/** Big endian without leading zeros; zero is no bytes. */
export function rlpInteger(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array();
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
}

export interface EthereumTransaction {
  readonly chainId: bigint;
  readonly nonce: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerGas: bigint;
  readonly gasLimit: bigint;
  readonly to: Uint8Array;
  readonly value: bigint;
}

const EIP_1559 = 2;

/** As `eth_sendRawTransaction` takes it. */
export function signEthereumTransaction(transaction: EthereumTransaction, secretKey: Uint8Array): Uint8Array {
  const { chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit, to, value } = transaction;
  const integers = [chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit].map(rlpInteger);
  // No data and no access list.
  const body: readonly RlpItem[] = [...integers, to, rlpInteger(value), new Uint8Array(), []];
  const digest = keccak_256(typed(body));
  const signature = secp256k1.sign(digest, secretKey, { prehash: false, format: "recovered" });
  const numbers = [signature.subarray(0, 1), signature.subarray(1, 33), signature.subarray(33)];
  return typed([...body, ...numbers.map((bytes) => rlpInteger(toBigInt(bytes)))]);
}

/** What a node calls it. */
export function ethereumTransactionHash(encoded: Uint8Array): Uint8Array {
  return keccak_256(encoded);
}

function typed(payload: RlpItem): Uint8Array {
  return Buffer.concat([Uint8Array.of(EIP_1559), encodeRlp(payload)]);
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}
