/** `npm run test:crash`: a node that is killed at 200 moments, apart from `npm test` because it takes minutes. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/crash/*.spec.ts"],
    // The progress is printed as it is.
    disableConsoleIntercept: true,
    testTimeout: 3_600_000,
  },
});
