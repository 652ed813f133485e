/** `npm run test:node`: laws of a real node process, apart from `npm test` because they measure and take minutes. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/node/*.spec.ts"],
    // One at a time: another suite's load would be in the figures.
    fileParallelism: false,
    // The figures are printed as they are.
    disableConsoleIntercept: true,
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
