/**
 * Secret keys on disk: one file per account in `$LOCKSTEP_HOME/keys`, readable by its owner only, never overwritten.
 *
 * With a password the key is encrypted: scrypt makes the password a key of AES-256-GCM, whose tag also covers the address,
 * so a key cannot be moved under another address. Without one it lies there in plain and the file says so.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { addressFromText, addressToText } from "../node/address.ts";
import { KEY_SIZE, publicKeyOf } from "../node/crypto.ts";
import { fromHex, toHex } from "../node/rpc/json.ts";
import { equalBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { createPrivateFile, readInputFile } from "./files.ts";
import { checkName } from "./names.ts";

/** 128 MiB and about half a second for each guess. */
const scryptCost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };

const VERSION = 1;

export interface StoredKey {
  readonly name: string;
  readonly address: Uint8Array;
  readonly isEncrypted: boolean;
}

interface KeyFile extends StoredKey {
  readonly path: string;
  readonly secret: PlainSecret | EncryptedSecret;
}

interface PlainSecret {
  readonly kind: "plain";
  readonly secretKey: Uint8Array;
}

interface EncryptedSecret {
  readonly kind: "scrypt-aes-256-gcm";
  readonly salt: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

const secretSizes = { salt: 32, iv: 12, ciphertext: KEY_SIZE, tag: 16 } as const;

export class Keystore {
  readonly #folder: string;

  /** `home` is `$LOCKSTEP_HOME`. */
  constructor(home: string) {
    this.#folder = join(home, "keys");
  }

  /** Throws `InputError`: `name_*`, `secret_key_invalid`, `password_empty`, `account_exists`, `file_unwritable`. */
  add(name: string, secretKey: Uint8Array, password?: string): StoredKey & { readonly path: string } {
    checkName(name);
    if (secretKey.length !== KEY_SIZE) {
      throw new InputError("secret_key_invalid", `a secret key of ${secretKey.length} bytes; it has ${KEY_SIZE}`);
    }
    if (password === "") {
      throw new InputError("password_empty", "the password is empty", {
        hint: "Unset the variable to store the key in plain.",
      });
    }
    const address = publicKeyOf(secretKey);
    const secret = password === undefined ? plain(secretKey) : encrypt(secretKey, address, password);
    const path = this.#path(name);
    const text = JSON.stringify({ version: VERSION, address: addressToText(address), ...secret }, null, 2);
    if (!createPrivateFile(path, `${text}\n`)) {
      throw new InputError("account_exists", `there is an account "${name}" already, in ${path}`, {
        hint: "Keys are never overwritten. Choose another name, or move the file away.",
      });
    }
    return { name, address, isEncrypted: password !== undefined, path };
  }

  /** By name, ascending. Throws on a file that is no key, so that a damaged key is never silently missing. */
  list(): readonly StoredKey[] {
    if (!existsSync(this.#folder)) return [];
    const names = readdirSync(this.#folder)
      .filter((file) => file.endsWith(".json") && !file.startsWith("."))
      .map((file) => file.slice(0, -".json".length));
    return names.sort().map((name) => this.#read(name));
  }

  has(name: string): boolean {
    return existsSync(this.#path(name));
  }

  /** The account without its key; asks for no password. Throws `InputError`: `key_file_*`. */
  find(name: string): StoredKey | null {
    return this.has(name) ? this.#read(name) : null;
  }

  /** Throws `InputError`: `account_unknown`, `key_file_*`, `password_missing`, `password_wrong`. */
  unlock(name: string, password?: string): Uint8Array {
    checkName(name);
    if (!this.has(name)) {
      throw new InputError("account_unknown", `there is no account "${name}"`, {
        hint: `Run \`lockstep account list\`, or \`lockstep account new ${name}\`.`,
      });
    }
    const file = this.#read(name);
    if (file.secret.kind === "plain") return checkKey(file, file.secret.secretKey);
    if (password === undefined) {
      throw new InputError("password_missing", `the key of "${name}" is encrypted`, {
        hint: "Put its password into the environment variable LOCKSTEP_PASSWORD.",
      });
    }
    return checkKey(file, decrypt(file, file.secret, password));
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`);
  }

  #read(name: string): KeyFile {
    const path = this.#path(name);
    checkPermissions(path);
    const text = Buffer.from(readInputFile(path)).toString("utf8");
    let json: Readonly<Record<string, unknown>>;
    try {
      json = JSON.parse(text);
    } catch {
      throw corrupt(path, "it is not JSON");
    }
    if (typeof json !== "object" || json === null) throw corrupt(path, "it is not a JSON object");
    if (json.version !== VERSION) throw corrupt(path, `its version is not ${VERSION}`);
    let address: Uint8Array;
    try {
      address = addressFromText(String(json.address));
    } catch {
      throw corrupt(path, "its address is none");
    }
    const secret = readSecret(path, json);
    return { name, address, isEncrypted: secret.kind !== "plain", path, secret };
  }
}

function corrupt(path: string, reason: string): InputError {
  return new CommandError(exitCodes.file, "key_file_corrupt", `${path} is not a key file: ${reason}`, {
    hint: "Restore the file from a copy. Nothing was changed.",
    details: { path },
  });
}

/** As OpenSSH does: a key that others can read is not used. Windows has no such bits. */
function checkPermissions(path: string): void {
  if (process.platform === "win32") return;
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new CommandError(
      exitCodes.file,
      "key_file_permissions",
      `${path} is open to others (mode ${mode.toString(8)})`,
      {
        hint: `Run \`chmod 600 ${path}\`, and think about who could have read the key.`,
        details: { path },
      },
    );
  }
}

function readSecret(path: string, json: Readonly<Record<string, unknown>>): PlainSecret | EncryptedSecret {
  const bytesOf = (field: string, size: number): Uint8Array => {
    try {
      const bytes = fromHex(String(json[field]));
      if (bytes.length === size) return bytes;
    } catch {
      // Reported below with the name of the field.
    }
    throw corrupt(path, `"${field}" is not ${size} bytes in hexadecimal`);
  };
  if (json.kind === "plain") return { kind: "plain", secretKey: bytesOf("secretKey", KEY_SIZE) };
  if (json.kind !== "scrypt-aes-256-gcm") throw corrupt(path, '"kind" is not known');
  return {
    kind: json.kind,
    salt: bytesOf("salt", secretSizes.salt),
    iv: bytesOf("iv", secretSizes.iv),
    ciphertext: bytesOf("ciphertext", secretSizes.ciphertext),
    tag: bytesOf("tag", secretSizes.tag),
  };
}

function checkKey({ path, address }: KeyFile, secretKey: Uint8Array): Uint8Array {
  if (!equalBytes(publicKeyOf(secretKey), address)) throw corrupt(path, "the key does not belong to the address");
  return secretKey;
}

function plain(secretKey: Uint8Array) {
  return { kind: "plain", note: "Not encrypted: who reads this file owns the account.", secretKey: toHex(secretKey) };
}

function encrypt(secretKey: Uint8Array, address: Uint8Array, password: string) {
  const salt = randomBytes(secretSizes.salt);
  const iv = randomBytes(secretSizes.iv);
  const cipher = createCipheriv("aes-256-gcm", scryptSync(password, salt, 32, scryptCost), iv);
  cipher.setAAD(address);
  const ciphertext = Buffer.concat([cipher.update(secretKey), cipher.final()]);
  return {
    kind: "scrypt-aes-256-gcm",
    salt: toHex(salt),
    iv: toHex(iv),
    ciphertext: toHex(ciphertext),
    tag: toHex(cipher.getAuthTag()),
  };
}

function decrypt({ path, address }: KeyFile, secret: EncryptedSecret, password: string): Uint8Array {
  const key = scryptSync(password, secret.salt, 32, scryptCost);
  const decipher = createDecipheriv("aes-256-gcm", key, secret.iv, { authTagLength: secretSizes.tag });
  decipher.setAAD(address);
  decipher.setAuthTag(secret.tag);
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(secret.ciphertext), decipher.final()]));
  } catch {
    throw new InputError("password_wrong", `the password does not open ${path}`, {
      hint: "Or the file was changed: the two cannot be told apart.",
    });
  }
}
