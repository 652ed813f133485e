/** Options of a devnet that do not go together. */
import { expect, test } from "vitest";
import { createDevnet } from "./devnet.ts";

test("a deterministic devnet cannot order by fees, for a block would depend on what had come by then", async () => {
  await expect(createDevnet({ deterministic: true, mempool: { order: "fees" } })).rejects.toMatchObject({
    code: "order_invalid",
    hint: expect.stringContaining("Leave the order out"),
  });
});

test.each([
  { deterministic: true, mempool: { order: "fifo" } },
  { deterministic: true, mempool: { countMax: 10 } },
  { deterministic: false, mempool: { order: "fees" } },
] as const)("%j go together", async (options) => {
  await using devnet = await createDevnet(options);
  expect(devnet.height).toBe(0);
});
