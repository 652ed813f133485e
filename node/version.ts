/** The version of this software, as its package says. */
import { createRequire } from "node:module";

const { version } = createRequire(import.meta.url)("lockstep/package.json") as { version: string };

export const softwareVersion = version;
