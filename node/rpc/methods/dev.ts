/** The `dev_` methods. */
import { InputError } from "../../../vm/errors.ts";
import { addressToText } from "../../address.ts";
import type { EditChange } from "../../transaction.ts";
import { type devMethods, FAUCET_AMOUNT } from "../api/dev.ts";
import { toHex } from "../json.ts";
import { MESSAGE_SIZE_MAX, ProtocolError } from "../json-rpc.ts";
import type { CallContext, Implementation } from "../methods.ts";
import type { ValuesOf } from "../schema.ts";
import type { Development, Head, Impersonation, Sealing, SnapshotInfo } from "../service.ts";

/** Bytes of a dump, as hex in a message with something beside them. */
const DUMP_SIZE_MAX = MESSAGE_SIZE_MAX / 2 - 1024;

export const dev: Implementation<typeof devMethods> = {
  dev_accounts: async (_, context) => {
    const { accounts, labels } = developmentOf(context);
    const { service } = context;
    const labelOf = new Map(labels.map(({ address, label }) => [addressToText(address), label]));
    return service.withState(() =>
      accounts.map(({ address: bytes, secretKey, path }) => {
        const address = addressToText(bytes);
        const balance = String(service.account(bytes).balance);
        return { address, secretKey: toHex(secretKey), path, balance, label: labelOf.get(address) ?? null };
      }),
    );
  },

  dev_faucet: ({ address, amount = FAUCET_AMOUNT }, context) => edit(context, { kind: "credit", address, amount }),
  dev_setBalance: ({ address, balance }, context) => edit(context, { kind: "balance", address, balance }),
  dev_setNonce: ({ address, nonce }, context) => edit(context, { kind: "nonce", address, nonce }),
  dev_setCode: ({ address, code }, context) => edit(context, { kind: "code", address, code }),
  dev_setStorage: ({ contract, key, value }, context) => edit(context, { kind: "storage", contract, key, value }),

  dev_impersonate: async ({ address = null }, context) => {
    const development = developmentOf(context);
    await development.impersonate(address);
    return impersonationToJson(development.impersonation);
  },

  dev_stopImpersonating: async ({ address = null }, context) => {
    const development = developmentOf(context);
    await development.stopImpersonating(address);
    return impersonationToJson(development.impersonation);
  },

  dev_mine: async ({ count = 1 }, context) => headToJson(await developmentOf(context).mine(count)),

  dev_setSealing: (params, context) => setSealing(context, sealingOf(params)),

  dev_dropTransactions: ({ hash, sender }, context) => {
    if (hash !== undefined && sender !== undefined)
      refuse('transactions are dropped by "hash" or by "sender", not both');
    const what = { ...(hash !== undefined && { hash }), ...(sender !== undefined && { sender }) };
    return { dropped: developmentOf(context).drop(what) };
  },

  dev_time: (_, context) => developmentOf(context).time,
  dev_setTime: ({ time, mine = true }, context) => developmentOf(context).setTime(time, mine),
  dev_advanceTime: ({ ms, mine = true }, context) => developmentOf(context).advanceTime(ms, mine),
  dev_setTimeStep: ({ stepMs }, context) => developmentOf(context).setTimeStep(stepMs),

  dev_snapshot: async (_, context) => snapshotToJson(await developmentOf(context).snapshot()),
  dev_snapshots: (_, context) => developmentOf(context).snapshots.map(snapshotToJson),
  dev_revert: async ({ snapshot }, context) => headToJson(await developmentOf(context).revert(snapshot)),
  dev_reset: async (_, context) => headToJson(await developmentOf(context).reset()),

  dev_dump: async (_, context) => {
    const { bytes, height, stateRoot } = await developmentOf(context).dump();
    if (bytes.length > DUMP_SIZE_MAX) {
      throw new InputError("dump_too_large", `the dump has ${bytes.length} bytes, an answer at most ${DUMP_SIZE_MAX}`, {
        hint: "`lockstep db dump` writes a chain of any size into a file.",
      });
    }
    return { dump: toHex(bytes), height, stateRoot: toHex(stateRoot) };
  },

  dev_load: async ({ dump }, context) => headToJson(await developmentOf(context).load(dump)),

  dev_setLabel: async ({ address, label }, context) => {
    const development = developmentOf(context);
    await development.setLabel(address, label);
    return labelsToJson(development);
  },

  dev_labels: (_, context) => labelsToJson(developmentOf(context)),
};

function developmentOf({ service: { development } }: CallContext): Development {
  if (development !== undefined) return development;
  throw new InputError("development_disabled", "this node is no devnet", {
    hint: "`lockstep dev` runs one, with `--fork` one that goes on from another chain's state.",
  });
}

async function edit(context: CallContext, change: EditChange) {
  const { header, hash, transactionHash } = await developmentOf(context).edit([change]);
  return { height: header.height, hash: toHex(hash), transactionHash: toHex(transactionHash) };
}

async function setSealing(context: CallContext, sealing: Sealing): Promise<Sealing> {
  await developmentOf(context).setSealing(sealing);
  return sealing;
}

function headToJson({ header, hash }: Head) {
  return { height: header.height, hash: toHex(hash) };
}

function snapshotToJson({ id, height }: SnapshotInfo) {
  return { snapshot: id, height };
}

function impersonationToJson({ everybody, addresses }: Impersonation) {
  return { everybody, addresses: addresses.map(addressToText) };
}

function labelsToJson({ labels }: Development) {
  return labels.map(({ address, label }) => ({ address: addressToText(address), label }));
}

function sealingOf({ kind, intervalMs }: ValuesOf<(typeof devMethods)["dev_setSealing"]["params"]>): Sealing {
  switch (kind) {
    case "interval":
    case "mixed":
      if (intervalMs === undefined) return refuse(`sealing "${kind}" needs the parameter "intervalMs"`);
      return { kind, intervalMs };
    case "transaction":
    case "manual":
      if (intervalMs !== undefined) refuse(`parameter "intervalMs" does not belong to sealing "${kind}"`);
      return { kind };
  }
}

function refuse(message: string): never {
  throw new ProtocolError("invalidParams", "invalid_params", message);
}
