/** The `state_` and `contract_` methods. */
import { ABI_SECTION } from "../../../vm/abi.ts";
import { readCustomSection } from "../../../vm/custom-section.ts";
import { assert, InputError } from "../../../vm/errors.ts";
import { addressToText } from "../../address.ts";
import { encodeHeader } from "../../block.ts";
import { toIcs23 } from "../../state/ics23.ts";
import { proveKeys } from "../../state/prove.ts";
import { readValue } from "../../state/tree.ts";
import { witnessedNodes } from "../../state/witnessed-node.ts";
import { PROOF_VALUES_SIZE_MAX, type stateMethods, TREE_READ_SIZE_MAX } from "../api/state.ts";
import { protobufToJson, statusToJson, toHex } from "../json.ts";
import type { Implementation } from "../methods.ts";

export const state: Implementation<typeof stateMethods> = {
  state_account: ({ address, height }, { service }) =>
    service.withState(() => {
      const { nonce, balance, codeHash } = service.account(address, height);
      return {
        address: addressToText(address),
        nonce,
        nextNonce: service.nextNonce(address),
        balance: String(balance),
        codeHash: codeHash === null ? null : toHex(codeHash),
      };
    }),

  state_storage: ({ contract, key, height }, { service }) =>
    service.withState(() => {
      const value = service.storage(contract, key, height);
      return value === undefined ? null : toHex(value);
    }),

  state_proof: ({ keys, height }, { service }) =>
    service.withState(() => {
      const { header, nodes } = service.stateTree(height);
      let size = 0;
      const values = keys.map((key) => {
        const value = readValue(nodes, header.height, key);
        size += value?.length ?? 0;
        if (size <= PROOF_VALUES_SIZE_MAX) return value;
        throw new InputError("proof_too_large", `the values are more than ${PROOF_VALUES_SIZE_MAX} bytes`, {
          hint: "Ask for fewer keys at once.",
        });
      });
      return {
        header: toHex(encodeHeader(header)),
        values: values.map((value) => (value === undefined ? null : toHex(value))),
        proof: toHex(proveKeys(nodes, header.height, keys)),
      };
    }),

  state_ics23Proof: ({ key, height }, { service }) =>
    service.withState(() => {
      const { header, nodes } = service.stateTree(height);
      return {
        header: toHex(encodeHeader(header)),
        proof: protobufToJson(toIcs23(nodes, header.height, key)) as object,
      };
    }),

  state_nodes: ({ places, height }, { service }) =>
    service.withState(() => {
      const { header, nodes } = service.stateTree(height);
      const witnessed = witnessedNodes(nodes, header.height, places, TREE_READ_SIZE_MAX);
      return {
        header: toHex(encodeHeader(header)),
        nodes: witnessed.map((node) => node && { record: toHex(node.record), children: toHex(node.children) }),
      };
    }),

  contract_code: ({ codeHash }, { service }) =>
    service.withState(() => {
      const code = service.code(codeHash);
      return code === undefined ? null : toHex(code);
    }),

  contract_abi: ({ contract }, { service }) =>
    service.withState(() => {
      const { codeHash } = service.account(contract);
      if (codeHash === null) {
        throw new InputError("not_a_contract", `${addressToText(contract)} is no contract`, {
          hint: "A contract's address stands in the receipt of the transaction that created it.",
        });
      }
      const code = service.code(codeHash);
      assert(code !== undefined, "the code of every contract is stored");
      const abi = readCustomSection(code, ABI_SECTION);
      return { codeHash: toHex(codeHash), abi: abi === undefined ? null : toHex(abi) };
    }),

  contract_view: async ({ contract, method, args = new Uint8Array(), caller, gasLimit, height: at }, { service }) => {
    const { outcome, gasUsed, height, logs } = await service.view({
      contract,
      method,
      args,
      ...(caller !== undefined && { caller }),
      ...(gasLimit !== undefined && { gasLimit }),
      ...(at !== undefined && { height: at }),
    });
    const returnData = outcome.kind === "success" ? toHex(outcome.data) : "0x";
    return { status: statusToJson(outcome), returnData, gasUsed, height, logs };
  },
};
