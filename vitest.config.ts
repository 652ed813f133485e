import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Source that runs here starts its threads from the build, for Node loads no TypeScript. */
const threadsFromBuild = {
  name: "threads-from-build",
  enforce: "pre" as const,
  transform(code: string, id: string): string | undefined {
    if (!id.endsWith("/node/scan-thread.ts")) return undefined;
    const built = new URL("dist/node/scan-worker.js", import.meta.url);
    if (!existsSync(built)) throw new Error("run `npm run build` first: dist/node/scan-worker.js is missing");
    return code.replace('new URL("./scan-worker.js", import.meta.url)', `new URL("${built.href}")`);
  },
};

export default defineConfig({
  plugins: [threadsFromBuild],
  test: {
    // Vitest leaves one of two processors idle, and the suite has to stay under three minutes.
    maxWorkers: 2,
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
