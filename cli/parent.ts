/**
 * Whether the process that started this one is still there. The operating system tells nobody when a parent dies; it gives the
 * orphan another one, and that shows.
 */
const POLL_MS = 200;

/** Calls `listener` once, soon after `parent` is gone. `parent` is read early, so that no death is missed. */
export function onParentGone(parent: number, listener: () => void, current: () => number = () => process.ppid): void {
  const timer = setInterval(() => {
    if (current() === parent) return;
    clearInterval(timer);
    listener();
  }, POLL_MS);
  // What it waits for must not keep the process alive.
  timer.unref();
}
