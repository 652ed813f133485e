/**
 * Decoded values as text of bounded length.
 *
 * Law: the work and the text are bounded by the limit that is given, whatever the value. Names of fields and variants are the
 * contract's, and stand in the text as often as there are values: a few kilobytes of data may be gigabytes as JSON.
 */
import type { Json } from "../vm/abi-values.ts";
import { toJson } from "./output.ts";

/** Whether the value is at most `lengthMax` characters as `toJson` writes it. */
export function isJsonWithin(value: Json, lengthMax: number): boolean {
  return new Writer(jsonForm, lengthMax).write(value);
}

/**
 * One line for people: `{to: dev1, amount: 5}`. What is no plain word is quoted as in JSON, so no text passes for structure
 * and none steers a terminal.
 */
export function valueLine(value: Json, lengthMax: number): string {
  const writer = new Writer(lineForm, lengthMax);
  return writer.write(value) ? writer.text : `${writer.text.slice(0, lengthMax)}...`;
}

/** As arguments: `(to: dev1, amount: 5)`. */
export function fieldsLine(fields: { readonly [name: string]: Json }, lengthMax: number): string {
  const line = valueLine(fields, lengthMax);
  return `(${line.slice(1, line.endsWith("}") ? -1 : undefined)})`;
}

/** A text as it is when it is one plain word, and quoted as in JSON otherwise. */
export function plainWord(text: string): string {
  return /^[\w.+-]+$/.test(text) && !/^(null|true|false)$/.test(text) ? text : toJson(text);
}

interface Form {
  readonly word: (text: string) => string;
  readonly colon: string;
  readonly comma: string;
}

const jsonForm: Form = { word: toJson, colon: ":", comma: "," };
const lineForm: Form = { word: plainWord, colon: ": ", comma: ", " };

class Writer {
  readonly #form: Form;
  readonly #lengthMax: number;
  text = "";

  constructor(form: Form, lengthMax: number) {
    this.#form = form;
    this.#lengthMax = lengthMax;
  }

  /** False as soon as the text is too long. */
  write(value: Json): boolean {
    const { word, colon } = this.#form;
    if (typeof value === "string") return this.#put(word(value));
    if (typeof value !== "object" || value === null) return this.#put(String(value));
    if (Array.isArray(value)) {
      return this.#put("[") && value.every((item, i) => this.#comma(i) && this.write(item)) && this.#put("]");
    }
    const field = ([name, item]: [string, Json], index: number): boolean =>
      this.#comma(index) && this.#put(word(name) + colon) && this.write(item);
    return this.#put("{") && Object.entries(value).every(field) && this.#put("}");
  }

  #comma(index: number): boolean {
    return index === 0 || this.#put(this.#form.comma);
  }

  #put(piece: string): boolean {
    this.text += piece;
    return this.text.length <= this.#lengthMax;
  }
}
