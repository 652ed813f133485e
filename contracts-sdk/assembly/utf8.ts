/*
 * Text on its way in and out: UTF-16 in the contract, well-formed UTF-8 outside.
 *
 * Stricter than asc's own conversion, which replaces what it cannot convert: two texts that differ must never become one.
 */
import { malformedText } from "./failure";
import { keep } from "./memory";

/** Writes `text` at `out`, where room must be, and returns the end of it. */
export function encodeText(text: string, out: usize): usize {
  let at = changetype<usize>(text);
  const end = at + (<usize>text.length << 1);
  while (at < end) {
    let point: u32 = load<u16>(at);
    at += 2;
    if (point < 0x80) {
      store<u8>(out++, point);
      continue;
    }
    if (point < 0x800) {
      store<u8>(out++, 0xc0 | (point >> 6));
    } else {
      if (point - 0xd800 < 0x800) {
        const low: u32 = at < end ? load<u16>(at) - 0xdc00 : 0x400;
        if (point > 0xdbff || low > 0x3ff) malformedText();
        at += 2;
        point = 0x10000 + ((point - 0xd800) << 10) + low;
        store<u8>(out++, 0xf0 | (point >> 18));
        store<u8>(out++, 0x80 | ((point >> 12) & 0x3f));
      } else {
        store<u8>(out++, 0xe0 | (point >> 12));
      }
      store<u8>(out++, 0x80 | ((point >> 6) & 0x3f));
    }
    store<u8>(out++, 0x80 | (point & 0x3f));
  }
  return out;
}

/** Bytes that are no text revert, or are no letters where `orEmpty` says so. */
export function decodeText(at: usize, length: usize, orEmpty: bool = false): string {
  // A byte of UTF-8 makes at most one unit of UTF-16; what was too much is given back.
  const text = __new(length << 1, idof<string>());
  const end = at + length;
  let out = text;
  while (at < end) {
    let point: u32 = load<u8>(at++);
    if (point >= 0x80) {
      let more: u32 = point < 0xe0 ? 1 : point < 0xf0 ? 2 : 3;
      const least: u32 = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
      if (point < 0xc0 || point > 0xf7 || <usize>more > end - at) return malformed(orEmpty);
      point &= 0x3f >> more;
      do {
        const byte: u32 = load<u8>(at++);
        if ((byte & 0xc0) != 0x80) return malformed(orEmpty);
        point = (point << 6) | (byte & 0x3f);
      } while (--more);
      if (point < least || point > 0x10ffff || point - 0xd800 < 0x800) return malformed(orEmpty);
      if (point >= 0x10000) {
        point -= 0x10000;
        store<u16>(out, 0xd800 | (point >> 10));
        out += 2;
        point = 0xdc00 | (point & 0x3ff);
      }
    }
    store<u16>(out, point);
    out += 2;
  }
  store<usize>(text - 4, out - text);
  keep(out);
  return changetype<string>(text);
}

function malformed(orEmpty: bool): string {
  if (!orEmpty) malformedText();
  return "";
}
