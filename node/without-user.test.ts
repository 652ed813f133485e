import { expect, test } from "vitest";
import { withoutUser } from "./without-user.ts";

test("an address without user and password stays as it was written", () => {
  for (const url of ["ws://127.0.0.1:4600", "http://node.example", "ws://[::1]:1/path?a=b", "no address", ""]) {
    expect(withoutUser(url)).toBe(url);
  }
});

test("user and password are in nothing that is shown", () => {
  for (const user of ["me:secret", "secret", ":secret", "a%40b:secret"]) {
    expect(withoutUser(`ws://${user}@127.0.0.1:4600/path`)).toBe("ws://127.0.0.1:4600/path");
  }
});
