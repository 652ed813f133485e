/** `npm run test:worst`: every adversarial module in processes of its own, apart from `npm test` because it takes minutes. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/hostile/*.spec.ts"],
    // The table is printed as it is.
    disableConsoleIntercept: true,
    testTimeout: 120_000,
  },
});
