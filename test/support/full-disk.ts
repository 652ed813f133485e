/**
 * A disk of a few megabytes that really fills up: a tmpfs, which takes the right to mount. Where there is none, tests that
 * need it are skipped by name.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

function mount(size: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-disk-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], { stdio: "ignore" });
  if (status === 0) return folder;
  rmSync(folder, { recursive: true });
  return undefined;
}

function unmount(folder: string): void {
  // Lazily: whoever still has a file open there is on the way out.
  spawnSync("umount", ["-l", folder], { stdio: "ignore" });
  rmSync(folder, { recursive: true, force: true });
}

const probe = mount(1024 * 1024);
if (probe !== undefined) unmount(probe);

export const canMount = probe !== undefined;

/** Goes away with the test. */
export function smallDisk(size: number): string {
  const folder = mount(size);
  if (folder === undefined) throw new Error("cannot mount a tmpfs any more");
  onTestFinished(() => unmount(folder));
  return folder;
}

/** Takes all but `leave` bytes of the disk; returns what gives them back. */
export function fill(disk: string, leave: number): () => void {
  const { bavail, bsize } = statfsSync(disk);
  const filler = join(disk, "filler");
  writeFileSync(filler, new Uint8Array(Math.max(0, bavail * bsize - leave)));
  return () => rmSync(filler);
}
