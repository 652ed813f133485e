/**
 * A dump file: records in chunks, each chunk under a hash that covers everything before it.
 *
 *     "LOCKDUMP" version:4
 *     (size:4  payload  SHA-256(hash before, payload))*       the hash before the first is that of the 12 bytes above
 *     0:4      SHA-256(hash before)                           the end, behind which nothing may come
 *
 * A payload is a borsh list of records; sizes are big endian. So a byte that changed, went or came is noticed before the chunk
 * it is in is read, and memory holds one chunk. The file is there whole or not at all: it is written under another name.
 */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import * as borsh from "../../vm/borsh.ts";
import { InputError } from "../../vm/errors.ts";
import { storageError } from "./level-database.ts";

const recordCodec = borsh.union({
  genesis: borsh.struct({ genesis: borsh.bytes }),
  block: borsh.struct({ block: borsh.bytes }),
  /** Of the block before it, in order. */
  receipt: borsh.struct({ receipt: borsh.bytes }),
  /** State at the head. */
  entry: borsh.struct({ key: borsh.bytes, value: borsh.bytes }),
});
const payloadCodec = borsh.vec(recordCodec);

export type DumpRecord = borsh.Infer<typeof recordCodec>;

const MAGIC = new TextEncoder().encode("LOCKDUMP");
/** Changes with the encoding of what is in a dump: the genesis, blocks, receipts and the state's entries. */
const DUMP_VERSION = 2;
const HASH_SIZE = 32;
/** A chunk is closed by the record that brings it here. */
const CHUNK_SIZE = 256 * 1024;
/** With the largest record that closes it. */
const CHUNK_SIZE_MAX = 64 * 1024 * 1024;

/** Replaces `path`, or creates it, once all records are on the disk. Throws `InputError`: `storage_full`, `storage_failed`. */
export async function writeDump(path: string, records: Iterable<DumpRecord>): Promise<void> {
  const temporary = join(dirname(resolve(path)), `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx");
    try {
      await writeChunks(file, records);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(resolve(path)));
  } catch (error) {
    throw isSystemError(error) ? storageError(error, path) : error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Makes the names in a folder survive a power failure. */
export async function syncFolder(directory: string): Promise<void> {
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeChunks(file: FileHandle, records: Iterable<DumpRecord>): Promise<void> {
  const header = Buffer.concat([MAGIC, bigEndian(DUMP_VERSION)]);
  await file.writeFile(header);
  let before = chunkHash(header);
  let chunk: DumpRecord[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const payload = chunk.length === 0 ? new Uint8Array() : borsh.encode(payloadCodec, chunk);
    if (payload.length > CHUNK_SIZE_MAX) {
      throw new InputError("dump_too_large", `a record of ${payload.length} bytes, at most ${CHUNK_SIZE_MAX}`);
    }
    before = chunkHash(before, payload);
    await file.writeFile(Buffer.concat([bigEndian(payload.length), payload, before]));
    chunk = [];
    size = 0;
  };
  for (const record of records) {
    chunk.push(record);
    size += sizeOf(record);
    if (size >= CHUNK_SIZE) await flush();
  }
  if (chunk.length > 0) await flush();
  await flush();
}

function sizeOf(record: DumpRecord): number {
  return Object.values(record).reduce((sum: number, field) => sum + field.length, 0);
}

/**
 * The records of a dump, each after the chunk it is in was verified; a dump is whole only when they end. Throws `InputError`:
 * `dump_missing`, `dump_unreadable`, `dump_format`, `dump_version`, `dump_truncated`, `dump_altered`, `dump_overlong`.
 * `onProgress` hears how much of the file is read, from 0 to 1.
 */
export async function* readDump(
  path: string,
  onProgress: (done: number) => void = () => {},
): AsyncGenerator<DumpRecord, void, undefined> {
  const file = await openDump(path);
  try {
    const { size } = await file.stat();
    const header = await readBytes(file, MAGIC.length + 4);
    if (!borsh.equalBytes(header.subarray(0, MAGIC.length), MAGIC.subarray(0, header.length))) {
      throw new InputError("dump_format", `${path} is no dump of a chain`, { hint: "`lockstep db dump` makes one." });
    }
    if (header.length < MAGIC.length + 4) throw truncated(path);
    const version = sizeAt(header, MAGIC.length);
    if (version !== DUMP_VERSION) {
      throw new InputError("dump_version", `${path} is a dump of version ${version}, this is ${DUMP_VERSION}`, {
        hint: "Load it with the version of Lockstep that wrote it.",
      });
    }
    let before = chunkHash(header);
    for (let at = header.length; ; ) {
      const prefix = await readBytes(file, 4);
      if (prefix.length < 4) throw truncated(path);
      const length = sizeAt(prefix, 0);
      if (length > CHUNK_SIZE_MAX) throw altered(path, at);
      // A length that was altered must not make room for what the file does not have.
      if (at + 4 + length + HASH_SIZE > size) throw truncated(path);
      const chunk = await readBytes(file, length + HASH_SIZE);
      if (chunk.length < length + HASH_SIZE) throw truncated(path);
      const payload = chunk.subarray(0, length);
      before = chunkHash(before, payload);
      if (!borsh.equalBytes(before, chunk.subarray(length))) throw altered(path, at);
      at += 4 + chunk.length;
      if (length === 0) break;
      yield* recordsIn(payload, path, at);
      onProgress(at / size);
    }
    if ((await readBytes(file, 1)).length > 0) {
      throw new InputError("dump_overlong", `${path} goes on behind its end`, {
        hint: "It is not as it was written: copy it anew, or take another dump.",
      });
    }
  } catch (error) {
    throw isSystemError(error) ? unreadable(path, error) : error;
  } finally {
    await file.close();
  }
}

function recordsIn(payload: Uint8Array, path: string, at: number): readonly DumpRecord[] {
  try {
    return borsh.decode(payloadCodec, payload);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError("dump_invalid", `${path} holds what is no record before byte ${at}: ${error.message}`);
  }
}

async function openDump(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOENT") throw new InputError("dump_missing", `there is no file ${path}`);
    throw unreadable(path, error);
  }
}

function unreadable(path: string, { code }: NodeJS.ErrnoException): InputError {
  return new InputError("dump_unreadable", `${path} cannot be read (${code})`);
}

function truncated(path: string): InputError {
  return new InputError("dump_truncated", `${path} ends before its end`, {
    hint: "Perhaps it was not copied to the end. Copy it anew, or take another dump.",
  });
}

function altered(path: string, at: number): InputError {
  return new InputError("dump_altered", `${path} is not as it was written, in the chunk at byte ${at}`, {
    hint: "Copy it anew, or take another dump.",
    details: { offset: at },
  });
}

/** As many as there are, up to `length`. */
async function readBytes(file: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function chunkHash(...parts: readonly Uint8Array[]): Uint8Array {
  const sha256 = createHash("sha256");
  for (const part of parts) sha256.update(part);
  return new Uint8Array(sha256.digest());
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function sizeAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
