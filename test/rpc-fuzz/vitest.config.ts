/** `npm run test:rpc-fuzz`: 100,000 hostile messages to a node's port, apart from `npm test` because it takes minutes. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/rpc-fuzz/*.spec.ts"],
    // The progress is printed as it is.
    disableConsoleIntercept: true,
    testTimeout: 1_800_000,
    hookTimeout: 60_000,
  },
});
