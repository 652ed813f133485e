/**
 * From a class with decorators to a contract: reads the declarations, generates what the author did not write, and
 * derives the ABI from the types the compiler resolved.
 *
 * Generated code is text, parsed and spliced into the author's own file, so names mean in it what they mean to the
 * author. The author's statements are never printed again: positions in diagnostics stay true. Nothing is thrown for a
 * mistake of the author's; it joins the compiler's diagnostics at its place in the source.
 */
import type * as compiler from "assemblyscript";
import type { Abi, AbiField, AbiType, Access, Mutability, ScalarName } from "../vm/abi.ts";
import { ABI_VERSION, INIT_METHOD, MIGRATE_METHOD, mutabilities } from "../vm/abi.ts";
import { assert } from "../vm/errors.ts";

export type Compiler = typeof compiler;

/** What generated names begin with; nobody else's may. */
const RESERVED = "__lockstep";

const SDK = "~lib/lockstep/";
const STORAGE_MAP = `${SDK}storage/StorageMap`;
const CONTRACT_CLIENT = `${SDK}calls/ContractClient`;
const CALL_RESULT = `${SDK}calls/CallResult`;
const sdkTypes: ReadonlyMap<string, AbiType> = new Map([
  [`${SDK}u128/u128`, { kind: "scalar", name: "u128" }],
  [`${SDK}address/Address`, { kind: "scalar", name: "address" }],
  [`${SDK}address/Hash`, { kind: "scalar", name: "hash" }],
  [`${SDK}ordered/OrderedU64`, { kind: "array", inner: { kind: "scalar", name: "u8" }, length: 8 }],
]);

/** What the host takes as an event's topic, in bytes. */
const TOPIC_SIZE_MAX = 64;

const classDecorators = ["contract", "struct", "event", "client"] as const;

/** `private` is no word that a decorator may have, in this language or in TypeScript. */
const accessDecorators = { internal: "private", reentrant: "reentrant" } as const satisfies Record<string, Access>;
type AccessDecorator = keyof typeof accessDecorators;
const accessNames = Object.keys(accessDecorators) as AccessDecorator[];
const isAccess = (name: string): name is AccessDecorator => name in accessDecorators;

// asc's `CommonFlags`, which its type declarations keep from us.
const DECLARE = 1 << 2;
const STATIC = 1 << 5;
const READONLY = 1 << 6;
const ACCESSOR = (1 << 11) | (1 << 12);
const AMBIENT = 1 << 15;

interface Field {
  readonly name: string;
  readonly type: compiler.TypeNode;
  /** The type as the author wrote it. */
  readonly text: string;
}

interface Method {
  readonly name: string;
  readonly mutability: Mutability;
  readonly access: Access;
  readonly params: readonly Field[];
  readonly result: compiler.TypeNode;
  readonly doc: string;
}

/** A class marked `@struct` or `@event`. */
interface RecordClass {
  readonly declaration: compiler.ClassDeclaration;
  readonly name: string;
  readonly fields: readonly Field[];
  readonly doc: string;
}

/** A class marked `@client`. */
interface Client {
  readonly declaration: compiler.ClassDeclaration;
  readonly methods: readonly Pick<Method, "params" | "result">[];
}

interface Contract {
  readonly declaration: compiler.ClassDeclaration;
  readonly name: string;
  readonly storage: readonly Field[];
  readonly methods: readonly Method[];
  readonly doc: string;
}

export class ContractTransform {
  readonly #as: Compiler;
  readonly #program: compiler.Program;
  #contract: Contract | undefined;
  readonly #structs = new Map<compiler.DeclarationStatement, RecordClass>();
  readonly #events: RecordClass[] = [];
  readonly #clients: Client[] = [];
  /** Files that generated code was added to. */
  readonly #extended = new Set<compiler.Source>();

  constructor(as: Compiler, program: compiler.Program) {
    this.#as = as;
    this.#program = program;
  }

  /** Reads the decorators and generates code. */
  afterParse(): void {
    const sources = this.#program.sources.filter((source) => !source.isLibrary);
    for (const source of sources) {
      for (const statement of [...source.statements]) {
        if (statement instanceof this.#as.ClassDeclaration) this.#readClass(source, statement);
        else if (statement instanceof this.#as.FunctionDeclaration) this.#decoratorsOf(statement, []);
      }
    }
    if (this.#contract === undefined) {
      const [entry] = sources;
      this.#report((entry!.statements[0] ?? entry!).range, "no class is marked @contract");
    }
  }

  #readClass(source: compiler.Source, declaration: compiler.ClassDeclaration): void {
    const [kind, ...others] = this.#decoratorsOf(declaration, classDecorators);
    if (kind === undefined) return;
    const { name } = declaration;
    if (others.length > 0) this.#report(name.range, `${name.text} cannot be both @${kind} and @${others[0]}`);
    if (declaration.isGeneric) this.#report(name.range, `a class marked @${kind} cannot have type parameters`);
    if (kind === "client") {
      this.#readClient(declaration);
      return;
    }
    if (declaration.extendsType !== null) {
      this.#report(declaration.extendsType.range, `a class marked @${kind} cannot extend another`);
    }
    if (kind === "contract") this.#readContract(source, declaration);
    else this.#readRecord(declaration, kind);
  }

  #readRecord(declaration: compiler.ClassDeclaration, kind: "struct" | "event"): void {
    const fields: Field[] = [];
    for (const member of declaration.members) {
      this.#decoratorsOf(member, []);
      if (!(member instanceof this.#as.FieldDeclaration) || (member.flags & STATIC) !== 0) continue;
      fields.push(this.#readField(member));
    }
    const { text: name, range } = declaration.name;
    const others = kind === "struct" ? [...this.#structs.values()] : this.#events;
    if (others.some((other) => other.name === name)) this.#report(range, `${name} is a second ${kind} of that name`);
    if (kind === "struct" && fields.length === 0) this.#report(range, `struct ${name} has no fields`);
    if (kind === "event" && utf8(name).length > TOPIC_SIZE_MAX) {
      this.#report(range, `an event's name has at most ${TOPIC_SIZE_MAX} bytes`);
    }
    const record: RecordClass = { declaration, name, fields, doc: docBefore(declaration) };
    const writes = fields.map((field) => `${RESERVED}.write<${field.text}>(this.${field.name});`).join(" ");
    if (kind === "struct") {
      this.#structs.set(declaration, record);
      const assign = (from: string) =>
        fields.map((field) => `this.${field.name} = ${RESERVED}.${from}<${field.text}>();`).join(" ");
      this.#addMembers(declaration, [
        `__write(): void { ${writes} }`,
        `__read(): void { ${assign("read")} }`,
        `__zero(): void { ${assign("zero")} }`,
      ]);
      this.#addStatements(declaration, []);
    } else {
      this.#events.push(record);
      // The one topic of an event is its name, in borsh of a list of byte strings.
      const encodedName = utf8(name);
      const topics = [1, 0, 0, 0, encodedName.length, 0, 0, 0, ...encodedName];
      const constant = `${RESERVED}_topics_${name}`;
      this.#addMembers(declaration, [
        `__emit(): void { ${RESERVED}.begin(); ${writes} ${RESERVED}.emitWritten(${constant}, ${topics.length}); }`,
      ]);
      this.#addStatements(declaration, [staticBytes(constant, topics)]);
    }
  }

  #readContract(source: compiler.Source, declaration: compiler.ClassDeclaration): void {
    const { text: name, range } = declaration.name;
    if (this.#contract !== undefined) {
      this.#report(range, `${name} is a second contract beside ${this.#contract.name}; a build makes one contract`);
      return;
    }
    const storage: Field[] = [];
    const methods: Method[] = [];
    const members: compiler.DeclarationStatement[] = [];
    const accessors: string[] = [];
    const statements: string[] = [];
    const names = new Set<string>();
    for (const member of declaration.members) {
      if ((member.flags & (STATIC | ACCESSOR)) === 0) {
        const { name } = member;
        if (names.has(name.text)) {
          this.#report(name.range, `${name.text} is declared twice`);
          continue;
        }
        names.add(name.text);
      }
      if (member instanceof this.#as.FieldDeclaration && (member.flags & STATIC) === 0) {
        const field = this.#readStorage(member);
        storage.push(field);
        const key = storageKey(field.name);
        const constant = `${RESERVED}_key_${field.name}`;
        statements.push(staticBytes(constant, key));
        accessors.push(...accessorsOf(field, constant, key.length));
        const decorators = this.#decoratorsOf(member, ["view", ...accessNames]);
        const mutability = decorators.includes("view") ? "view" : undefined;
        const access = this.#accessOf(member.name, decorators.filter(isAccess), mutability);
        if (mutability === undefined) continue;
        methods.push({
          name: field.name,
          mutability,
          access,
          params: [],
          result: field.type,
          doc: docBefore(member),
        });
        statements.push(wrapper(name, methods.length - 1, `self.${field.name}`, [], field.text));
        continue;
      }
      members.push(member);
      const method = this.#readMethod(member);
      if (method === undefined) continue;
      methods.push(method);
      const call = `self.${method.name}(${method.params.map((_, index) => `p${index}`).join(", ")})`;
      statements.push(wrapper(name, methods.length - 1, call, method.params, textOf(method.result)));
    }
    if (methods.length === 0) this.#report(range, `contract ${name} has no method; mark one @call or @view`);
    declaration.members = members;
    this.#contract = { declaration, name, storage, methods, doc: docBefore(declaration) };
    this.#addMembers(declaration, accessors);
    this.#addStatements(declaration, statements);
    // Exported from a file of its own, so that an `export` of the author's never becomes one of the module's.
    const exports = methods.map((method, index) => `${RESERVED}_method_${index} as ${method.name}`);
    const from = JSON.stringify(`./${source.normalizedPath.slice(0, -".ts".length)}`);
    this.#program.parser.parseFile(`export { ${exports.join(", ")} } from ${from};`, `${RESERVED}.ts`, true);
    // Nobody extends a contract: its methods run on no object, so there is none to find an override by.
    const final = this.#as.Node.createIdentifierExpression("final", range);
    declaration.decorators!.push(this.#as.Node.createDecorator(final, null, range));
  }

  #readField(member: compiler.FieldDeclaration): Field {
    const { text: name, range } = member.name;
    if (name.startsWith("__")) this.#report(range, "names that begin with two underscores belong to the compiler");
    // asc refused a field without a type when it parsed it.
    assert(member.type !== null, `field ${name} has no type`);
    return { name, type: member.type, text: textOf(member.type) };
  }

  #readStorage(member: compiler.FieldDeclaration): Field {
    const { text: name, range } = member.name;
    if (member.initializer !== null) {
      this.#report(member.initializer.range, `stored fields start at zero; give ${name} its first value in @init`);
    }
    if ((member.flags & READONLY) !== 0) this.#report(range, `${name} is stored, so it cannot be readonly`);
    if (utf8(name).length > 255) this.#report(range, "a stored field's name has at most 255 bytes");
    return this.#readField(member);
  }

  /** Undefined for a member that is no part of the interface. */
  #readMethod(member: compiler.DeclarationStatement): Method | undefined {
    const { text: name, range } = member.name;
    const decorators = this.#decoratorsOf(member, [...mutabilities, ...accessNames]);
    const [mutability, ...others] = decorators.filter((word) => !isAccess(word));
    if (name === "constructor") {
      this.#report(range, "a contract has no constructor; write a method `@init init(...)`");
      return undefined;
    }
    const access = this.#accessOf(member.name, decorators.filter(isAccess), mutability);
    for (const special of [INIT_METHOD, MIGRATE_METHOD] as const) {
      if (name === special && mutability !== special) {
        this.#report(range, `the method ${special} must be marked @${special}`);
      } else if (name !== special && mutability === special) {
        this.#report(range, `a method marked @${special} must be named ${special}`);
      }
    }
    if (mutability === undefined) return undefined;
    if (!(member instanceof this.#as.MethodDeclaration) || (member.flags & (STATIC | ACCESSOR)) !== 0) {
      this.#report(range, `only a field or a plain method can be marked @${mutability}`);
      return undefined;
    }
    if (others.length > 0) this.#report(range, `${name} cannot be both @${mutability} and @${others[0]}`);
    if (name === "memory" || name.startsWith("_")) this.#report(range, `a method cannot be called ${name}`);
    if (member.isGeneric) this.#report(range, `${name} is part of the interface, so it cannot have type parameters`);
    const { returnType } = member.signature;
    return { name, mutability, access, params: this.#readParams(member), result: returnType, doc: docBefore(member) };
  }

  #readParams(method: compiler.MethodDeclaration): Field[] {
    return method.signature.parameters.map((parameter) => {
      if (parameter.parameterKind !== 0 || parameter.initializer !== null) {
        this.#report(parameter.range, "a method of the interface takes neither optional nor rest parameters");
      }
      return { name: parameter.name.text, type: parameter.type, text: textOf(parameter.type) };
    });
  }

  #accessOf(
    { text: name, range }: compiler.IdentifierExpression,
    [word, ...others]: readonly AccessDecorator[],
    mutability: Mutability | undefined,
  ): Access {
    if (word === undefined) return "public";
    if (others.length > 0) this.#report(range, `${name} cannot be both @${word} and @${others[0]}`);
    if (mutability === undefined) {
      this.#report(range, `${name} is marked @${word}, so it must be marked @view, @call or @payable too`);
    } else if (mutability === INIT_METHOD || mutability === MIGRATE_METHOD) {
      this.#report(range, `only the chain runs ${name}, so it cannot be marked @${word}`);
    }
    return accessDecorators[word];
  }

  /** A client of another contract: the methods that the author declared get bodies. */
  #readClient(declaration: compiler.ClassDeclaration): void {
    const { name, extendsType, flags, members } = declaration;
    if ((flags & DECLARE) === 0 || extendsType === null) {
      this.#report(name.range, `write \`declare class ${name.text} extends ContractClient\` behind @client`);
      return;
    }
    const methods: Client["methods"][number][] = [];
    this.#clients.push({ declaration, methods });
    declaration.flags &= ~(DECLARE | AMBIENT);
    declaration.members = [];
    this.#addStatements(declaration, []);
    for (const member of members) {
      this.#decoratorsOf(member, []);
      const { text: method, range } = member.name;
      const isPlain = member instanceof this.#as.MethodDeclaration && (member.flags & (STATIC | ACCESSOR)) === 0;
      if (!isPlain || method === "constructor" || member.isGeneric) {
        this.#report(range, "a class marked @client holds nothing but signatures of the contract's methods");
        continue;
      }
      const params = this.#readParams(member);
      methods.push({ params, result: member.signature.returnType });
      const list = params.map((param) => `${param.name}: ${param.text}`).join(", ");
      const result = textOf(member.signature.returnType);
      const writes = params.map((param) => `${RESERVED}.write<${param.text}>(${param.name});`).join(" ");
      const encodedName = utf8(method);
      const call = `this.__call<${result}>(memory.data<u8>([${encodedName.join(", ")}]), ${encodedName.length})`;
      const body = `${RESERVED}.begin(); ${writes} return ${call};`;
      this.#addMembers(declaration, [`${method}(${list}): ${result} { ${body} }`], range);
    }
  }

  /** Our decorators on a declaration, of those in `allowed`. asc ignores what it does not know; a typo must not be. */
  #decoratorsOf<Name extends string>(declaration: compiler.DeclarationStatement, allowed: readonly Name[]): Name[] {
    const found: Name[] = [];
    for (const decorator of declaration.decorators ?? []) {
      if (decorator.decoratorKind !== this.#as.DecoratorKind.Custom) continue;
      const name = decorator.name.range.toString().replace(/^@/, "") as Name;
      if (allowed.includes(name)) {
        found.push(name);
      } else {
        const known = allowed.map((other) => `@${other}`).join(", ");
        this.#report(
          decorator.range,
          `@${name} does not belong here${known === "" ? "" : `; expected is one of ${known}`}`,
        );
      }
    }
    return found;
  }

  #addMembers(
    declaration: compiler.ClassDeclaration,
    members: readonly string[],
    place: compiler.Range = declaration.name.range,
  ): void {
    const [parsed] = this.#parse(`class Generated { ${members.join("\n")} }`, place);
    declaration.members.push(...(parsed as compiler.ClassDeclaration).members);
  }

  #addStatements(declaration: compiler.ClassDeclaration, statements: readonly string[]): void {
    const { source } = declaration.range;
    const isFirst = !this.#extended.has(source);
    this.#extended.add(source);
    const imports = isFirst ? [`import * as ${RESERVED} from "lockstep/generated";`] : [];
    source.statements.push(...this.#parse([...imports, ...statements].join("\n"), declaration.name.range));
  }

  /** Generated code lies, for the compiler and its diagnostics, where the declaration lies that it was made for. */
  #parse(text: string, place: compiler.Range): compiler.Statement[] {
    const parser = new this.#as.Parser(this.#program.diagnostics);
    parser.parseFile(text, `${RESERVED}.ts`, false);
    const { statements } = parser.sources[0]!;
    const seen = new Set<unknown>();
    const move = (node: unknown): void => {
      if (typeof node !== "object" || node === null || seen.has(node)) return;
      seen.add(node);
      if (node instanceof this.#as.Range)
        Object.assign(node, { source: place.source, start: place.start, end: place.end });
      else for (const child of Object.values(node)) move(child);
    };
    move(statements);
    return statements;
  }

  /** Resolves every type of the interface; undefined when one was refused. */
  afterInitialize(): Abi | undefined {
    const contract = this.#contract;
    assert(contract !== undefined, "a program without a contract was refused after parsing");
    for (const client of this.#clients) this.#checkClient(client);
    const types = this.#interfaceTypes();
    const storage = contract.storage.map((field) => {
      const value = types.resolve(field.type, contract.declaration);
      const isMap = value?.getClass()?.prototype.internalName === STORAGE_MAP;
      const [keyType, valueType] = isMap ? value!.getClass()!.typeArguments! : [null, value];
      return {
        name: field.name,
        prefix: Uint8Array.from(storageKey(field.name)),
        key: keyType ? types.convert(keyType, field.type) : null,
        value: types.convert(valueType ?? null, field.type),
      };
    });
    const methods = contract.methods.map((method) => ({
      name: method.name,
      mutability: method.mutability,
      access: method.access,
      params: types.fields(method.params, contract.declaration),
      returns: types.result(method.result, contract.declaration),
      doc: method.doc,
    }));
    const events = this.#events.map((event) => ({
      name: event.name,
      fields: types.fields(event.fields, event.declaration),
      doc: event.doc,
    }));
    if (types.isRefused) return undefined;
    const { name, doc } = contract;
    return { version: ABI_VERSION, name, types: types.named, methods, events, errors: [], storage, doc };
  }

  #checkClient({ declaration, methods }: Client): void {
    const { name, extendsType } = declaration;
    const element = this.#program.getElementByDeclaration(declaration);
    // A class asc could not declare has a diagnostic already.
    if (!(element instanceof this.#as.ClassPrototype)) return;
    if (element.basePrototype?.internalName !== CONTRACT_CLIENT) {
      this.#report(extendsType!.range, `${name.text} must extend ContractClient, of lockstep/sdk`);
    }
    // Not those of the ABI: what the contract says to others is no part of its own interface.
    const types = this.#interfaceTypes();
    for (const { params, result } of methods) {
      types.fields(params, declaration);
      const isResult = types.resolve(result, declaration)?.getClass()?.prototype.internalName === CALL_RESULT;
      if (!isResult) types.result(result, declaration);
    }
  }

  #interfaceTypes(): InterfaceTypes {
    return new InterfaceTypes(this.#as, this.#program, this.#structs, (range, message) => this.#report(range, message));
  }

  #report(range: compiler.Range, message: string): void {
    this.#program.error(this.#as.DiagnosticCode.User_defined_0, range, message);
  }
}

/** Converts the compiler's types to the ABI's, collecting the structs they name, each after those it is made of. */
class InterfaceTypes {
  readonly named: Abi["types"][number][] = [];
  isRefused = false;
  readonly #as: Compiler;
  readonly #program: compiler.Program;
  readonly #structs: ReadonlyMap<compiler.DeclarationStatement, RecordClass>;
  readonly #report: (range: compiler.Range, message: string) => void;
  readonly #indices = new Map<RecordClass, number>();
  readonly #scalars: ReadonlyMap<compiler.Type, ScalarName>;

  constructor(
    as: Compiler,
    program: compiler.Program,
    structs: ReadonlyMap<compiler.DeclarationStatement, RecordClass>,
    report: (range: compiler.Range, message: string) => void,
  ) {
    this.#as = as;
    this.#program = program;
    this.#structs = structs;
    this.#report = report;
    const { bool, u8, u16, u32, u64, i8, i16, i32, i64 } = as.Type;
    const scalars = { bool, u8, u16, u32, u64, i8, i16, i32, i64 };
    this.#scalars = new Map(Object.entries(scalars).map(([name, type]) => [type, name as ScalarName]));
  }

  /** A type as the compiler sees it from inside `declaration`. */
  resolve(node: compiler.TypeNode, declaration: compiler.ClassDeclaration): compiler.Type | null {
    const element = this.#program.getElementByDeclaration(declaration);
    // A class asc could not declare, such as one named twice, has a diagnostic already.
    const type = element === null ? null : this.#program.resolver.resolveType(node, null, element);
    if (type === null) this.isRefused = true;
    return type;
  }

  fields(fields: readonly Field[], declaration: compiler.ClassDeclaration): AbiField[] {
    return fields.map(({ name, type }) => ({ name, type: this.convert(this.resolve(type, declaration), type) }));
  }

  result(node: compiler.TypeNode, declaration: compiler.ClassDeclaration): AbiType | null {
    const type = this.resolve(node, declaration);
    return type === this.#as.Type.void ? null : this.convert(type, node);
  }

  /** A refused type becomes some type, so that all mistakes are found at once. */
  convert(type: compiler.Type | null, node: compiler.TypeNode): AbiType {
    const refused: AbiType = { kind: "scalar", name: "bool" };
    if (type === null) return refused;
    if (type.isNullableReference) return { kind: "option", inner: this.convert(type.nonNullableType, node) };
    const scalar = this.#scalars.get(type);
    if (scalar !== undefined) return { kind: "scalar", name: scalar };
    const refuse = (message: string) => {
      this.isRefused = true;
      this.#report(node.range, message);
      return refused;
    };
    if (type.isFloatValue) {
      return refuse(
        `${node.range} is a floating-point type and contracts have none; use an integer, such as u64 or u128`,
      );
    }
    const program = this.#program;
    const instance = type.getClass();
    if (instance === null) return refuse(`a value of type ${type} cannot cross the contract's border`);
    const { prototype } = instance;
    const known = sdkTypes.get(prototype.internalName);
    if (known !== undefined) return known;
    if (instance === program.stringInstance) return { kind: "scalar", name: "string" };
    if (prototype === program.uint8ArrayPrototype) return { kind: "scalar", name: "bytes" };
    const [inner] = instance.typeArguments ?? [];
    if (prototype === program.staticArrayPrototype && inner === this.#as.Type.u8)
      return { kind: "scalar", name: "bytes" };
    if (prototype === program.arrayPrototype) return { kind: "vec", inner: this.convert(inner!, node) };
    const struct = this.#structs.get(prototype.declaration);
    if (struct !== undefined) return this.#struct(struct, refuse);
    if (prototype.internalName === STORAGE_MAP) return refuse("a StorageMap can only be a field of the contract");
    return refuse(`a value of type ${type} cannot cross the contract's border; mark a class of your own @struct`);
  }

  #struct(struct: RecordClass, refuse: (message: string) => AbiType): AbiType {
    const PENDING = -1;
    const index = this.#indices.get(struct);
    if (index === PENDING) return refuse(`struct ${struct.name} contains itself`);
    if (index !== undefined) return { kind: "named", index };
    this.#indices.set(struct, PENDING);
    const fields = this.fields(struct.fields, struct.declaration);
    const added = this.named.push({ name: struct.name, doc: struct.doc, shape: { kind: "struct", fields } }) - 1;
    this.#indices.set(struct, added);
    return { kind: "named", index: added };
  }
}

/** The export of one method: arguments in, result out. The contract itself is no object; its fields are in storage. */
function wrapper(contract: string, index: number, call: string, params: readonly Field[], result: string): string {
  const reads = params.map(({ text }, position) => `const p${position} = ${RESERVED}.read<${text}>();`);
  const input = [`${RESERVED}.openInput();`, ...reads, `${RESERVED}.close();`];
  return `export function ${RESERVED}_method_${index}(): void {
    const self = changetype<${contract}>(0);
    ${params.length === 0 ? `${RESERVED}.expectNoInput();` : input.join("\n")}
    ${result === "void" ? call : `${RESERVED}.returnValue<${result}>(${call})`};
  }`;
}

function accessorsOf({ name, text }: Field, key: string, keyLength: number): string[] {
  return [
    `get ${name}(): ${text} { return ${RESERVED}.getField<${text}>(${key}, ${keyLength}); }`,
    `set ${name}(value: ${text}) { ${RESERVED}.setField<${text}>(${key}, ${keyLength}, value); }`,
  ];
}

function staticBytes(name: string, bytes: readonly number[]): string {
  return `const ${name}: usize = memory.data<u8>([${bytes.join(", ")}]);`;
}

/** The storage key of a field, and the beginning of every key of its entries: no key begins with another. */
function storageKey(field: string): number[] {
  const name = utf8(field);
  return [name.length, ...name];
}

function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

function textOf(type: compiler.TypeNode): string {
  return type.range.toString();
}

/** The text of the doc comment that ends right before a declaration, without its stars. */
function docBefore(declaration: compiler.DeclarationStatement): string {
  const { source, start } = declaration.range;
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(source.text.slice(0, start));
  if (comment === null) return "";
  const lines = comment[1]!.split("\n").map((line) => line.replace(/^\s*\*?/, "").trim());
  return lines.join("\n").trim();
}
