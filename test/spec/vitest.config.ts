/** `npm run test:spec`: the official test suite, apart from `npm test` because its scripts are not part of the repository. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/spec/*.spec.ts"],
    globalSetup: "test/spec/suite-folder.ts",
    // The table is printed as it is.
    disableConsoleIntercept: true,
    testTimeout: 120_000,
  },
});
