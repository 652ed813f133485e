import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "vm/**/*.test.ts",
      "node/**/*.test.ts",
      "devnet/**/*.test.ts",
      "cli/**/*.test.ts",
      "contracts-sdk/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
