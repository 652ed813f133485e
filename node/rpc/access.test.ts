/**
 * Who may ask, over real sockets; and who may control the node.
 */
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { client, connectWs, failing, http, nextMessage, readUntil, rpc, start } from "../../test/support/rpc-server.ts";
import { isLoopback } from "./access.ts";

describe("another site's page does not reach the node", () => {
  const good = ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:9650"];
  const bad = [
    "evil.example",
    "localhost.evil.example",
    "localhost.",
    "localhost:1@evil.example",
    "127.0.0.1.evil.example",
    "1270.0.0.1",
    "0.0.0.0",
    "192.168.0.1",
    "::1",
    "localhost:123456",
    "localhost/",
  ];
  const badOrigins = [
    "null",
    "file://",
    "chrome-extension://abc",
    "ws://localhost",
    "http://localhost/",
    "localhost",
    "http://",
  ];

  test("by Host", async () => {
    const { port, url } = await start();
    for (const host of good)
      expect((await http(port, { headers: { host }, body: rpc("chain_info") })).status, host).toBe(200);
    for (const host of bad) {
      const answer = await http(port, { headers: { host }, body: rpc("chain_info") });
      expect(answer.status, host).toBe(403);
      expect(JSON.parse(answer.text).error.data.code).toBe("forbidden_host");
      expect((await http(port, { method: "GET", path: "/health", headers: { host } })).status, host).toBe(403);
      await expect(connectWs(url, { host }), host).rejects.toThrow("403");
    }
    for (const host of good) await connectWs(url, { host });
    const old = connect(port, "127.0.0.1");
    old.write("GET /health HTTP/1.0\r\n\r\n");
    expect(await readUntil(old, "forbidden_host")).toContain("HTTP/1.1 403");
  });

  test("by Origin; a page of this machine gets the headers that let it read the answer", async () => {
    const { port, url } = await start();
    for (const origin of good.flatMap((host) => [`http://${host}`, `https://${host}`])) {
      const answer = await http(port, { headers: { origin }, body: rpc("chain_info") });
      expect(answer.status, origin).toBe(200);
      expect(answer.headers).toMatchObject({ "access-control-allow-origin": origin, vary: "Origin" });
      const preflight = await http(port, { method: "OPTIONS", headers: { origin } });
      expect(preflight).toMatchObject({
        status: 204,
        headers: { "access-control-allow-headers": "Content-Type, Authorization" },
      });
      await connectWs(url, { origin });
    }
    for (const origin of [...bad.map((host) => `http://${host}`), ...badOrigins]) {
      for (const method of ["POST", "OPTIONS"]) {
        const answer = await http(port, { method, headers: { origin }, body: rpc("chain_info") });
        expect(answer.status, origin).toBe(403);
        expect(JSON.parse(answer.text).error.data.code).toBe("forbidden_origin");
        expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
      }
      await expect(connectWs(url, { origin }), origin).rejects.toThrow("403");
    }
  });

  test("a node that listens for others has other names, and still refuses foreign pages", async () => {
    const { port } = await start({ host: "0.0.0.0" });
    const ask = (headers: Record<string, string>) => http(port, { headers, body: rpc("chain_info") });
    expect((await ask({ host: "devnet.example:9650" })).status).toBe(200);
    expect((await ask({ host: "devnet.example", origin: "http://devnet.example" })).status).toBe(403);
  });
});

describe("a node that is known by names", () => {
  const names = { allowedHosts: ["Devnet.example"], allowedOrigins: ["https://wallet.example"] };

  test.each(["127.0.0.1", "0.0.0.0"])("is reached by them and by no other, listening at %s", async (host) => {
    const { port, url } = await start({ host, access: names });
    for (const host of ["devnet.example", "DEVNET.example:9650", "localhost", "127.0.0.1:1", "[::1]"]) {
      expect((await http(port, { headers: { host }, body: rpc("chain_info") })).status, host).toBe(200);
    }
    const foreign = ["evil.example", "x.devnet.example", "devnet.example.", "devnet.example:x", "devnet.example:1:1"];
    for (const host of foreign) {
      const answer = await http(port, { headers: { host }, body: rpc("chain_info") });
      expect(answer.status, host).toBe(403);
    }
    await expect(connectWs(url, { host: "evil.example" })).rejects.toThrow("403");
  });

  test("is reached by any address beyond loopback, since rebinding needs a name", async () => {
    const { port } = await start({ host: "0.0.0.0", access: names });
    const ask = async (host: string) => (await http(port, { headers: { host }, body: rpc("chain_info") })).status;
    for (const host of ["10.1.2.3", "10.1.2.3:9650", "[2001:db8::1]", "[fe80::1]:1"]) expect(await ask(host)).toBe(200);
    for (const host of ["10.1.2", "10.1.2.3.4", "1.2.3.256", "[::g]", "2001:db8::1", "0x7f.1"]) {
      expect(await ask(host), host).toBe(403);
    }
  });

  test("lets pages of the listed origins in, and no similar ones", async () => {
    const { port } = await start({ access: names });
    const ask = async (origin: string) => (await http(port, { headers: { origin }, body: rpc("chain_info") })).status;
    expect(await ask("https://wallet.example")).toBe(200);
    for (const origin of ["http://wallet.example", "https://wallet.example:8443", "https://wallet.example.evil", "*"]) {
      expect(await ask(origin), origin).toBe(403);
    }
  });
});

describe("control", () => {
  const token = "0123456789abcdefXYZ._~-";
  const mine = rpc("dev_mine", {});
  /** Whether a call over either transport may control the node. */
  const code = (text: string): string | undefined => JSON.parse(text).error?.data.code;

  test("is everybody's on loopback, and nobody's beyond, without a token", async () => {
    const local = await start();
    expect(code((await http(local.port, { body: mine })).text)).toBeUndefined();
    await client(local.url).call("dev_mine", {});
    const open = await start({ host: "0.0.0.0" });
    for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
      expect(code((await http(open.port, { headers, body: mine })).text)).toBe("development_forbidden");
    }
    await expect(client(open.url).call("dev_mine", {})).rejects.toThrow(failing("development_forbidden"));
    expect(await client(open.url).call("chain_info", {})).toMatchObject({ height: 0 });
  });

  test.each(["127.0.0.1", "0.0.0.0"])("belongs to whoever has the token, listening at %s", async (host) => {
    const { port, url, http: address } = await start({ host, access: { token } });
    for (const at of [url, address.replace("0.0.0.0", "127.0.0.1")]) {
      expect(await client(at, { token }).call("dev_mine", {})).toBeDefined();
      await expect(client(at).call("dev_mine", {})).rejects.toThrow(failing("development_forbidden"));
      expect(await client(at).call("chain_info", {})).toMatchObject({ chainId: "test" });
      for (const wrong of [`${token}x`, token.slice(1), token.toLowerCase(), "x"]) {
        await expect(client(at, { token: wrong }).call("chain_info", {})).rejects.toThrow(failing("token_wrong"));
      }
    }
    for (const authorization of [token, `Basic ${token}`, "Bearer", `Bearer ${token} x`, ""]) {
      const answer = await http(port, { headers: { authorization }, body: mine });
      expect(answer, authorization).toMatchObject({ status: 401, headers: { "www-authenticate": "Bearer" } });
    }
    expect((await http(port, { headers: { authorization: `bearer  ${token}` }, body: mine })).status).toBe(200);
  });

  test("is a browser's by way of a subprotocol, which is not repeated", async () => {
    const { url } = await start({ access: { token } });
    const ask = async (protocols: string[]) => {
      const socket = new WebSocket(url, protocols);
      onTestFinished(() => socket.terminate());
      await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
      socket.send(mine);
      return { code: code(await nextMessage(socket)), protocol: socket.protocol };
    };
    expect(await ask(["lockstep", `lockstep.token.${token}`])).toEqual({ code: undefined, protocol: "lockstep" });
    expect(await ask(["lockstep"])).toEqual({ code: "development_forbidden", protocol: "lockstep" });
    await expect(ask(["lockstep", `lockstep.token.${token}x`])).rejects.toThrow("401");
  });

  test.each(["", "short", "x".repeat(257), "0123456789abcde ", "0123456789abcde\n", "0123456789abcdé"])(
    "cannot be had with the token %j",
    async (token) => {
      await expect(start({ access: { token } })).rejects.toThrow(failing("token_invalid"));
    },
  );
});

test.each([
  ["127.0.0.1", true],
  ["127.1.2.3", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["127.evil.example", false],
  ["127.0.0.1.evil.example", false],
])("%s is loopback: %s", (host, isIt) => {
  expect(isLoopback(host)).toBe(isIt);
});
