/** What one step of a run does to the node. A case is data, made of a seed and a number alone, so that it can be done again. */
import { createRandom } from "../support/programs.ts";
import { MESSAGE_SIZE_MAX } from "./judge.ts";
import type { Surface } from "./surface.ts";
import { chance, large, type Message, message, type Random } from "./texts.ts";
import { framesCase, httpCase, type WireCase } from "./wire.ts";

export type FuzzCase =
  /** Messages sent ahead of their answers on one WebSocket; with `isCut`, which is gone before they come. */
  | { readonly kind: "burst"; readonly messages: readonly Message[]; readonly isCut?: true }
  /** A message as the body of an HTTP POST. */
  | { readonly kind: "post"; readonly message: Message }
  /** A WebSocket that subscribes, sends, and is never read. */
  | { readonly kind: "frozen"; readonly messages: readonly Message[] }
  | WireCase;

export function messageCount(one: FuzzCase): number {
  return "messages" in one ? one.messages.length : 1;
}

export function caseAt(seed: number, number: number, surface: Surface): FuzzCase {
  const random = createRandom(Math.imul(seed, 0x9e37_79b1) ^ number);
  const share = random(100);
  if (share < 5) return httpCase(random, surface);
  if (share < 9) return framesCase(random, surface);
  if (share < 49) return { kind: "post", message: text(random, surface) };
  if (share < 50) return { kind: "frozen", messages: frozen(random, surface) };
  const length = 1 + random(chance(random, 10) ? 40 : 8);
  const messages = Array.from({ length }, () => text(random, surface));
  return { kind: "burst", messages, ...(share < 53 && { isCut: true }) };
}

function text(random: Random, surface: Surface): Message {
  return chance(random, 1_500) ? { text: large(random, MESSAGE_SIZE_MAX) } : message(random, surface);
}

function frozen(random: Random, surface: Surface): Message[] {
  const subscribe = (topic: string) => ({
    text: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "chain_subscribe", params: { topic } }),
  });
  const topics = ["heads", "events", "pending"].flatMap((topic) => Array.from({ length: 4 }, () => subscribe(topic)));
  return [...topics, ...Array.from({ length: 20 }, () => message(random, surface))];
}
