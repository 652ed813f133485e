/**
 * `REFERENCE.md` is the host interface for people, and is what the table says. Law: page and table agree, prices included.
 *
 * `BLESS=1` writes the page anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { haltReasons, refusalReasons } from "../outcome.ts";
import { type HostFunction, hostFunctions } from "./table.ts";

const path = new URL("./REFERENCE.md", import.meta.url);

const introduction = `# Host functions

What a contract imports from the module \`lockstep\`. This page is written from \`vm/host-fns/table.ts\` and
\`vm/metering/schedule.ts\` (\`BLESS=1 npx vitest run vm/host-fns/reference.test.ts\`).

- **Types.** Parameters are \`i32\` unless they say otherwise. Pointers and lengths are unsigned. Addresses and hashes have 32 bytes,
  amounts 16, little endian.
- **Order.** Every region is checked, then the call is paid, then it acts. A region outside memory halts with
  \`MemoryOutOfBounds\`, an argument outside its rules with \`BadHostArgument\`, a write in a view with \`ReadOnlyViolation\`; nothing
  is half done. What is written may overlap what is read: reading comes first.
- **Results.** A function marked *Result* has a result of variable length: it is copied to \`out\` if it fits into \`capacity\`, its full
  length is returned, and \`last_result\` gives any part of it until the next one.
- **Status.** A function marked *Status* returns 0 success, 1 revert, 2 halt, 3 refused, and what came of it is the last result: the
  return data; the code, 4 bytes little endian, and the data; one byte, the reason's number. Unless it is 0, nothing of the
  message is left but its gas. It gets the gas asked for, at most 63/64 of what is left.
- **Gas.** *Bytes* are those of every length among the arguments, and of a result of variable length; *items* are named in the text.
`;

function gasOf({ price: { base, perByte, perItem } }: HostFunction): string {
  const number = (value: number) => value.toLocaleString("en-US");
  const terms = [number(base)];
  if (perByte > 0) terms.push(`${number(perByte)} x bytes`);
  if (perItem > 0) terms.push(`${number(perItem)} x items`);
  return terms.join(" + ");
}

function entryOf(entry: HostFunction): string {
  const { name, params, paramNames, result, doc, since } = entry;
  const list = paramNames.map((param, i) => (params[i] === "i64" ? `${param}: i64` : param)).join(", ");
  const signature = `${name}(${list})${result === null ? "" : ` -> ${result}`}`;
  return `### ${name}\n\n\`\`\`\n${signature}\n\`\`\`\n\n${doc}\n\nGas: ${gasOf(entry)}. Since version ${since}.\n`;
}

function reasonsOf(title: string, reasons: readonly string[]): string {
  return `### ${title}\n\n${reasons.map((reason, number) => `${number} \`${reason}\``).join(", ")}\n`;
}

function page(): string {
  const parts = [introduction];
  let heading = "";
  for (const entry of hostFunctions.values()) {
    if (entry.group !== heading) parts.push(`## ${entry.group}\n`);
    heading = entry.group;
    parts.push(entryOf(entry));
  }
  parts.push("## Reasons by number\n", reasonsOf("Halt", haltReasons), reasonsOf("Refused", refusalReasons));
  return parts.join("\n");
}

test("the page says what the table says", () => {
  if (process.env.BLESS) writeFileSync(path, page());
  expect(readFileSync(path, "utf8")).toBe(page());
});
