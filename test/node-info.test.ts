/** What `node_info` says of the kind of node it is: a devnet, a fork of one, a follower of one. */
import { expect, test } from "vitest";
import { createDevnet } from "../devnet/devnet.ts";
import { startFollower } from "../node/follow.ts";
import { createClient } from "../node/rpc/client.ts";
import { toHex } from "../node/rpc/json.ts";

test("a devnet, a fork and a follower can be told apart", async () => {
  await using devnet = await createDevnet({ listen: 0 });
  expect(await devnet.client.call("node_info", {})).toMatchObject({ development: true, followed: null, base: null });

  const { header, hash } = await devnet.mine(3);
  await using fork = await createDevnet({ fork: { url: devnet.url } });
  const base = { height: header.height, blockHash: toHex(hash) };
  expect(await fork.client.call("node_info", {})).toMatchObject({ development: true, followed: null, base });

  const following = await startFollower({ url: devnet.url, port: 0 });
  const client = createClient(following.node.url);
  try {
    const info = await client.call("node_info", {});
    expect(info).toMatchObject({ development: false, followed: devnet.url, base: null });
  } finally {
    await client.close();
    await following.close();
  }
});
