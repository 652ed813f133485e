/**
 * Where in the source a byte of a module comes from, by a source map (version 3, as asc and Binaryen write it for Wasm): one
 * generated line, whose columns are offsets into the module. `sourceRoot` is left out, because asc makes one up.
 *
 * Any text may come in: what is damaged gives fewer answers.
 */
import type { SourceLookup, SourcePosition } from "../vm/dwarf-lines.ts";

const SEGMENT_COUNT_MAX = 1 << 20;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

interface Segment {
  readonly offset: number;
  readonly position: SourcePosition | null;
}

/** Null for what is no source map. */
export function readSourceMap(json: string): SourceLookup | null {
  const map = parse(json);
  if (map === null) return null;
  const segments = decodeMappings(map.mappings, map.sources).sort((one, other) => one.offset - other.offset);
  return (offset) => {
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (segments[middle]!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return segments[low - 1]?.position ?? null;
  };
}

function parse(json: string): { readonly mappings: string; readonly sources: readonly unknown[] } | null {
  try {
    const map = JSON.parse(json);
    if (map?.version !== 3 || typeof map.mappings !== "string" || !Array.isArray(map.sources)) return null;
    return map;
  } catch {
    return null;
  }
}

function decodeMappings(mappings: string, sources: readonly unknown[]): Segment[] {
  const segments: Segment[] = [];
  // Each field counts from the one before: offset, source, line, column.
  const fields = [0, 0, 0, 0];
  let count = 0;
  let value = 0;
  let scale = 1;
  const push = (): void => {
    const [offset, source, line, column] = fields as [number, number, number, number];
    const file = sources[source];
    const isMapped = count >= 4 && typeof file === "string" && line >= 0 && column >= 0;
    if (count > 0) segments.push({ offset, position: isMapped ? { file, line: line + 1, column: column + 1 } : null });
    count = 0;
  };
  for (const character of mappings) {
    if (character === ";" || segments.length >= SEGMENT_COUNT_MAX) break;
    if (character === ",") {
      push();
      continue;
    }
    const digit = DIGITS.indexOf(character);
    if (digit < 0 || scale > 2 ** 30) return segments;
    value += (digit & 31) * scale;
    scale *= 32;
    if (digit >= 32) continue;
    if (count < 4) fields[count]! += value % 2 === 1 ? -(value - 1) / 2 : value / 2;
    count++;
    value = 0;
    scale = 1;
  }
  push();
  return segments;
}
