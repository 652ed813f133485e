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

test("a devnet that does not begin leaves no timer behind", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const sealing = { kind: "interval", intervalMs: 60_000 } as const;
  await expect(createDevnet({ deterministic: true, sealing })).rejects.toMatchObject({ code: "sealing_invalid" });
  expect(timers()).toBe(before);
});
