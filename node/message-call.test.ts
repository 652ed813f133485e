import { describe, expect, test } from "vitest";
import { createRandom } from "../test/support/programs.ts";
import {
  encodeScript,
  type PuppetMethod,
  puppet,
  puppetMethods,
  type Script,
  type Step,
} from "../test/support/puppet.ts";
import { Model, type ModelOutcome } from "../test/support/puppet-model.ts";
import { untypedContract, variantOf } from "../test/support/sample-contracts.ts";
import { alice, stranger, TestChain, temporaryFolder, testGenesis } from "../test/support/test-chain.ts";
import { wat } from "../test/support/wat.ts";
import type { Engine } from "../vm/contract.ts";
import { haltReasons, refusalReasons } from "../vm/outcome.ts";
import { CALL_DEPTH_MAX } from "../vm/profile.ts";
import { contractAddress } from "./address.ts";
import type { Receipt } from "./block.ts";
import { hash } from "./crypto.ts";
import { defaultParams } from "./params.ts";

const engines: readonly Engine[] = ["jit", "interpreter"];
const GAS_LIMIT = 2_000_000_000;
/** Of a random script: four messages may each burn a thousand million. */
const GAME_GAS_LIMIT = 5_000_000_000;
const genesis = {
  ...testGenesis,
  params: { ...defaultParams, blockGasLimit: GAME_GAS_LIMIT },
  balances: [{ address: alice.address, balance: 10n ** 15n }],
};
const codes = [puppet, variantOf(puppet, 1), untypedContract];
const codeHashes = codes.map((code) => hash("code", code));
const [puppetHash, otherHash, bareHash] = codeHashes as [Uint8Array, Uint8Array, Uint8Array];
const unknownHash = new Uint8Array(32).fill(0xcc);
const salts = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
const noBytes = new Uint8Array();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Three puppets and a contract that has none of their methods. */
const fixed = codeHashes.flatMap((codeHash, i) =>
  (i === 0 ? salts : salts.slice(0, 1)).map((salt) => ({ codeHash, salt })),
);
const [a, b, c, bare] = fixed.map(({ codeHash, salt }) =>
  contractAddress({ creator: alice.address, origin: { kind: "salt", salt }, codeHash }),
) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

async function createChain(engine: Engine): Promise<TestChain> {
  const chain = await TestChain.create(genesis, temporaryFolder(), engine);
  await chain.run(codes.map((code) => ({ kind: "upload", code })));
  const receipt = await chain.run(
    fixed.map((origin) => ({ kind: "create", ...origin, args: noBytes, value: 1_000n })),
    { gasLimit: 100_000_000 },
  );
  expect(receipt.status).toEqual({ kind: "success" });
  return chain;
}

const gas = 20_000_000n;
const set = (key: number, value: number): Step => ({ kind: "set", key, value });
const get = (key: number): Step => ({ kind: "get", key });
const emit = (data: number): Step => ({ kind: "emit", data });
const call = (
  contract: Uint8Array,
  script: Script = [],
  options: { method?: PuppetMethod; value?: bigint; gas?: bigint } = {},
): Step => ({
  kind: "call",
  contract,
  method: "work",
  value: 0n,
  gas,
  script,
  ...options,
});
const view = (contract: Uint8Array, script: Script, method: PuppetMethod = "work", most = gas): Step => ({
  kind: "view",
  contract,
  method,
  gas: most,
  script,
});
const trap: Step = { kind: "trap" };
const revert: Step = { kind: "revert", code: 7, data: 8 };

const succeeded = (...data: number[]) => [0, data.length, 0, 0, 0, ...data];
const halted = (reason: (typeof haltReasons)[number]) => [2, 1, 0, 0, 0, haltReasons.indexOf(reason)];
const refusal = (reason: (typeof refusalReasons)[number]) => [3, 1, 0, 0, 0, refusalReasons.indexOf(reason)];
const reverted = [1, 5, 0, 0, 0, 7, 0, 0, 0, 8];

/** A chain with the four contracts, and ways to play a script on it. */
async function play(engine: Engine) {
  const chain = await createChain(engine);
  const run = (script: Script, { to = a, method = "work" as PuppetMethod, value = 0n } = {}): Promise<Receipt> =>
    chain.run([{ kind: "call", contract: to, method, args: encodeScript(script), value }], { gasLimit: GAS_LIMIT });
  const transcript = async (script: Script, options: Parameters<typeof run>[1] = {}): Promise<number[]> => {
    const receipt = await run(script, options);
    expect(receipt.status).toEqual({ kind: "success" });
    return [...receipt.actions[0]!.returnData];
  };
  return { chain, run, transcript };
}

describe.each(engines)("on the engine %s, a contract that calls", (engine) => {
  test("gets the status and the data of each ending, and goes on", async () => {
    const { run } = await play(engine);
    const script = [
      set(0, 1),
      call(b, [set(0, 2), emit(2), get(0)]),
      call(b, [set(0, 3), emit(3), revert]),
      call(b, [set(0, 4), emit(4), trap]),
      call(b, [{ kind: "burn" }]),
      call(b, [get(0)]),
      get(0),
      emit(1),
    ];
    const receipt = await run(script);
    const endings = [...succeeded(2), ...reverted, ...halted("Unreachable"), ...halted("OutOfGas"), ...succeeded(2), 1];
    expect([...receipt.actions[0]!.returnData]).toEqual(endings);
    expect(receipt.events.map(({ contract, data }) => [hex(contract), data[0]])).toEqual([
      [hex(b), 2],
      [hex(a), 1],
    ]);
  });

  test("pays for what the callee used, all of its frame's gas when it halts", async () => {
    const { run } = await play(engine);
    const asked = 5_000_000n;
    const spent = async (step: Step) => (await run([call(c), step])).gasUsed;
    const idle = await spent(call(b, [], { gas: asked }));
    const trapped = await spent(call(b, [trap], { gas: asked }));
    const burnt = await spent(call(b, [{ kind: "burn" }], { gas: asked }));
    const doubled = await spent(call(b, [{ kind: "burn" }], { gas: 2n * asked }));
    expect(trapped).toBeGreaterThan(idle);
    // Both use the whole frame, and the scripts are of one length.
    expect(burnt).toBe(trapped);
    expect(doubled - burnt).toBe(Number(asked));
    expect(await spent(call(b, [revert], { gas: asked }))).toBeLessThan(trapped);
  });

  test.each([2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
    "may ask for %d gas, and keeps 1/64 of what it has",
    async (most) => {
      const { run } = await play(engine);
      const receipt = await run([call(b, [{ kind: "burn" }], { gas: most }), emit(1)]);
      expect(receipt.status).toEqual({ kind: "success" });
      expect([...receipt.actions[0]!.returnData]).toEqual(halted("OutOfGas"));
      expect(receipt.gasUsed).toBeGreaterThan((GAS_LIMIT / 64) * 62);
      expect(receipt.gasUsed).toBeLessThan((GAS_LIMIT / 64) * 63.1);
    },
  );

  test("may give no gas, and then the callee is out of it", async () => {
    const { transcript } = await play(engine);
    expect(await transcript([call(b, [], { gas: 0n })])).toEqual(halted("OutOfGas"));
  });

  test("cannot be called again while it waits: A to A, A to B to A, and through a view", async () => {
    const { transcript } = await play(engine);
    expect(await transcript([call(a)])).toEqual(halted("Reentrancy"));
    expect(await transcript([call(b, [call(a)])])).toEqual(succeeded(...halted("Reentrancy")));
    expect(await transcript([view(b, [view(a, [], "look")])])).toEqual(succeeded(...halted("Reentrancy")));
    // And once it has returned, it can.
    expect(await transcript([call(b), call(b)])).toEqual([...succeeded(), ...succeeded()]);
  });

  test("can be called again where its ABI allows it, and sees what was written", async () => {
    const { transcript } = await play(engine);
    const again = call(a, [set(0, 9)], { method: "open" });
    expect(await transcript([set(0, 1), call(b, [again]), get(0)])).toEqual([...succeeded(...succeeded()), 9]);
    expect(await transcript([set(0, 1), call(a, [set(0, 5)], { method: "self" }), get(0)])).toEqual([
      ...succeeded(),
      5,
    ]);
  });

  test("alone may call its private methods", async () => {
    const { run, transcript } = await play(engine);
    expect(await transcript([call(b, [], { method: "self" })])).toEqual(refusal("PrivateMethod"));
    expect((await run([], { method: "self" })).status).toEqual({ kind: "refused", reason: "PrivateMethod" });
  });

  test.each<[string, Step, readonly number[]]>([
    ["an address without code", call(stranger.address), refusal("NotAContract")],
    ["a method that is not there", call(b, [], { method: "none" }), refusal("NoSuchMethod")],
    ["a contract without ABI that lacks the method", call(bare), refusal("NoSuchMethod")],
    ["with value what takes none", call(b, [], { value: 1n }), refusal("NotPayable")],
    ["with value a view", call(b, [], { method: "look", value: 1n }), refusal("NotPayable")],
    ["with more value than it has", call(b, [], { method: "paid", value: 10n ** 20n }), refusal("InsufficientBalance")],
    [
      "with an amount of 2^128 - 1",
      call(b, [], { method: "paid", value: 2n ** 128n - 1n }),
      refusal("InsufficientBalance"),
    ],
  ])("%s is refused, and goes on", async (_, step, expected) => {
    const { transcript } = await play(engine);
    expect(await transcript([step])).toEqual(expected);
  });

  test("gives value along, and has it back when the callee fails", async () => {
    const { chain, transcript } = await play(engine);
    const before = [chain.account(a).balance, chain.account(b).balance] as const;
    await transcript([call(b, [], { method: "paid", value: 3n }), call(b, [trap], { method: "paid", value: 5n })]);
    expect([chain.account(a).balance, chain.account(b).balance]).toEqual([before[0] - 3n, before[1] + 3n]);
  });

  test.each<[string, Step]>([
    ["writes", set(0, 1)],
    ["emits", emit(1)],
    ["transfers", { kind: "transfer", to: stranger.address, amount: 0n }],
    ["gives value", call(b, [], { method: "paid", value: 1n })],
    ["creates", { kind: "create", codeHash: puppetHash, salt: salts[0]!, value: 0n, gas, script: [] }],
    ["upgrades", { kind: "upgrade", codeHash: otherHash, gas, script: [] }],
  ])("keeps a view from what %s, at any depth and by any way", async (_, step) => {
    const { run, transcript } = await play(engine);
    const violation = halted("ReadOnlyViolation");
    expect(await transcript([view(b, [step])])).toEqual(violation);
    expect(await transcript([call(b, [step], { method: "look" })])).toEqual(violation);
    expect(await transcript([view(b, [call(c, [step], { method: "open" })])])).toEqual(succeeded(...violation));
    expect((await run([step], { method: "look" })).status).toEqual({ kind: "halt", reason: "ReadOnlyViolation" });
  });

  test("may go down to one depth, by whatever ways: the next halts", async () => {
    const { transcript } = await play(engine);
    const most = 2n ** 64n - 1n;
    // The outermost is the first; then calls and views take turns.
    const descend = (callCount: number): Script => {
      if (callCount === 0) return [];
      const target = callCount % 2 === 0 ? a : b;
      const script = descend(callCount - 1);
      return [
        callCount % 3 === 0 ? view(target, script, "open", most) : call(target, script, { method: "open", gas: most }),
      ];
    };
    const nested = (callCount: number, innermost: number[]): number[] =>
      callCount === 0 ? innermost : succeeded(...nested(callCount - 1, innermost));
    expect(await transcript(descend(CALL_DEPTH_MAX - 1))).toEqual(nested(CALL_DEPTH_MAX - 1, []));
    expect(await transcript(descend(CALL_DEPTH_MAX))).toEqual(nested(CALL_DEPTH_MAX - 1, halted("CallDepth")));
  });

  test("has nothing of a callee that failed: writes, events, value, contracts, code", async () => {
    const { chain, transcript } = await play(engine);
    const create: Step = { kind: "create", codeHash: puppetHash, salt: salts[1]!, value: 1n, gas, script: [set(0, 1)] };
    const upgrade: Step = { kind: "upgrade", codeHash: otherHash, gas, script: [set(1, 1)] };
    const pay: Step = { kind: "transfer", to: stranger.address, amount: 4n };
    const before = chain.chain.head.stateRoot;
    const child = contractAddress({ creator: b, origin: { kind: "salt", salt: salts[1]! }, codeHash: puppetHash });
    const all = [set(0, 1), emit(1), create, upgrade, pay, call(child, [set(2, 2)])];
    const receipt = await chain.run(
      [
        {
          kind: "call",
          contract: a,
          method: "work",
          args: encodeScript([call(b, [...all, trap], { gas: gas * 10n })]),
          value: 0n,
        },
      ],
      { gasLimit: GAS_LIMIT },
    );
    expect([...receipt.actions[0]!.returnData]).toEqual(halted("Unreachable"));
    expect(receipt).toMatchObject({ events: [], actions: [{ created: [] }] });
    expect(chain.account(child)).toEqual({ nonce: 0, balance: 0n, codeHash: null });
    expect(chain.account(b)).toEqual({ nonce: 0, balance: 1_000n, codeHash: puppetHash });
    // The same without the trap is all there.
    expect(await transcript([call(b, all, { gas: gas * 10n })])).toHaveLength(25);
    expect(chain.account(child)).toEqual({ nonce: 0, balance: 1n, codeHash: puppetHash });
    expect(chain.account(b)).toEqual({ nonce: 0, balance: 995n, codeHash: otherHash });
    expect(chain.chain.head.stateRoot).not.toEqual(before);
  });

  test("that creates one gets its address, which follows from creator, salt and code", async () => {
    const { chain, run } = await play(engine);
    const create: Step = { kind: "create", codeHash: puppetHash, salt: salts[0]!, value: 7n, gas, script: [set(3, 4)] };
    const address = contractAddress({ creator: a, origin: { kind: "salt", salt: salts[0]! }, codeHash: puppetHash });
    const receipt = await run([create, create, { ...create, codeHash: unknownHash }]);
    expect([...receipt.actions[0]!.returnData]).toEqual([
      ...succeeded(),
      ...refusal("AddressTaken"),
      ...refusal("UnknownCode"),
    ]);
    expect(receipt.actions[0]!.created).toEqual([address]);
    expect(chain.account(address)).toEqual({ nonce: 0, balance: 7n, codeHash: puppetHash });
  });

  test("that upgrades runs its old code to the end, and its new code from the next call on", async () => {
    const { chain, run, transcript } = await play(engine);
    const upgrade: Step = { kind: "upgrade", codeHash: bareHash, gas, script: [] };
    // The bare code has no method "work", so a call of it tells which code runs.
    const script = [call(b, [upgrade, set(0, 6), get(0)]), call(b)];
    expect(await transcript(script)).toEqual([...succeeded(...succeeded(), 6), ...refusal("NoSuchMethod")]);
    expect((await run([], { to: b })).status).toEqual({ kind: "refused", reason: "NoSuchMethod" });
    const touch = await chain.run([{ kind: "call", contract: b, method: "touch", args: noBytes, value: 0n }]);
    expect(touch.status).toEqual({ kind: "success" });
    // A migration that fails leaves the old code, as does code that is unknown or takes no arguments.
    const failing = [
      { ...upgrade, codeHash: otherHash, script: [set(0, 1), trap] },
      { ...upgrade, codeHash: unknownHash },
      { ...upgrade, script: [emit(1)] },
    ];
    expect(await transcript(failing)).toEqual([
      ...halted("Unreachable"),
      ...refusal("UnknownCode"),
      ...refusal("NoSuchMethod"),
    ]);
    expect(chain.account(a).codeHash).toEqual(puppetHash);
    // And one deep below a caller that fails is undone with it.
    expect(await transcript([call(c, [call(a, [], { method: "open" }), upgrade, trap])])).toEqual(
      halted("Unreachable"),
    );
    expect(chain.account(c).codeHash).toEqual(otherHash);
  });

  test("init and migrate are the chain's to run, and nobody's", async () => {
    const { chain } = await play(engine);
    for (const method of ["init", "migrate"]) {
      const receipt = await chain.run([{ kind: "call", contract: a, method, args: noBytes, value: 0n }]);
      expect(receipt.status).toEqual({ kind: "refused", reason: "NoSuchMethod" });
    }
  });
});

describe("random bytes", () => {
  // Returns what two calls of `random` give.
  const dice = wat(`(module
    (import "lockstep" "random" (func $random (param i32)))
    (import "lockstep" "return_data" (func $return_data (param i32 i32)))
    (memory 1)
    (func (export "roll")
      (call $random (i32.const 0)) (call $random (i32.const 32)) (call $return_data (i32.const 0) (i32.const 64))))`);
  const roll = (contract: Uint8Array) =>
    ({ kind: "call", contract, method: "roll", args: noBytes, value: 0n }) as const;

  test("are others in each call, transaction and block, and the same wherever the block is applied", async () => {
    const chain = await TestChain.create(genesis);
    const contract = await chain.deploy(dice, hash("code", dice));
    const nonce = chain.account(alice.address).nonce;
    const transactions = [nonce, nonce + 1].map((n) =>
      chain.sign(alice, [roll(contract), roll(contract)], { nonce: n }),
    );
    const applied = chain.apply(transactions);
    expect(chain.apply(transactions).receipts).toEqual(applied.receipts);
    const interpreter = await TestChain.create(genesis, temporaryFolder(), "interpreter");
    await interpreter.deploy(dice, hash("code", dice));
    expect(interpreter.apply(transactions).receipts).toEqual(applied.receipts);
    await chain.extend([chain.sign(alice, [])]);
    const later = chain.apply([chain.sign(alice, [roll(contract)])]);
    const rolls = [...applied.receipts, ...later.receipts].flatMap(({ actions }) =>
      actions.flatMap(({ returnData }) => [hex(returnData.subarray(0, 32)), hex(returnData.subarray(32))]),
    );
    expect(rolls).toHaveLength(10);
    expect(new Set(rolls).size).toBe(10);
  });

  test("are the same in each view of one head", async () => {
    const chain = await TestChain.create(genesis);
    const contract = await chain.deploy(dice, hash("code", dice));
    const view = () => chain.chain.view({ contract, method: "roll", args: noBytes });
    expect(view()).toEqual(view());
  });
});

describe("random scripts", () => {
  const GAME_COUNT = 5;
  /** Messages of one game: its contracts change their code, until few are left that play. */
  const ROUND_COUNT = 30;
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

  /** What a script may name: contracts, those not there yet, and accounts. */
  const children = [a, b, c].flatMap((creator) =>
    salts.flatMap((salt) =>
      [puppetHash, bareHash].map((codeHash) => contractAddress({ creator, origin: { kind: "salt", salt }, codeHash })),
    ),
  );
  const addresses = [a, a, b, b, c, bare, ...children, alice.address, stranger.address];

  function randomScript(random: (below: number) => number, depth: number): Script {
    const pick = <Item>(items: readonly Item[]): Item => items[random(items.length)]!;
    const value = () => pick([0n, 0n, 1n, 600n]);
    // More than what five steps take, each with the next depth's gas.
    const frameGas = 10n ** 9n / 8n ** BigInt(depth);
    const length = random(5);
    return Array.from({ length }, (): Step => {
      const script = depth < 3 ? randomScript(random, depth + 1) : [];
      switch (random(depth === 0 ? 14 : 17)) {
        case 0:
        case 1:
          return set(random(3), random(200));
        case 2:
          return get(random(3));
        case 3:
          return emit(random(256));
        case 4:
          return { kind: "transfer", to: pick(addresses), amount: value() };
        case 5:
          return view(pick(addresses), script, pick(puppetMethods), frameGas);
        case 6:
          return {
            kind: "upgrade",
            codeHash: pick([puppetHash, otherHash, otherHash, bareHash, unknownHash]),
            gas: frameGas,
            script,
          };
        case 7:
        case 8: {
          const codeHash = pick([puppetHash, puppetHash, bareHash, unknownHash]);
          return { kind: "create", codeHash, salt: pick(salts), value: value(), gas: frameGas, script };
        }
        case 14:
          return revert;
        case 15:
          return trap;
        case 16:
          return { kind: "burn" };
        default:
          return call(pick(addresses), script, { method: pick(puppetMethods), value: value(), gas: frameGas });
      }
    });
  }

  test(`do what the model says, on both engines and for the same gas (SEED=${seed})`, async () => {
    const kinds = new Map<string, number>();
    for (let game = 0; game < GAME_COUNT; game++) await playGame(seed + game * ROUND_COUNT, kinds);
    // A test of which all scripts failed would prove little.
    expect(kinds.get("success")).toBeGreaterThan((GAME_COUNT * ROUND_COUNT) / 8);
  });

  async function playGame(firstSeed: number, kinds: Map<string, number>): Promise<void> {
    const chains = await Promise.all(engines.map(createChain));
    const known = { puppets: new Set([hex(puppetHash), hex(otherHash)]), bare: hex(bareHash) };
    const model = new Model(known);
    for (const [i, address] of [a, b, c, bare].entries()) {
      Object.assign(model.account(hex(address)), { balance: 1_000n, codeHash: hex(fixed[i]!.codeHash) });
    }
    // Ample: what it pays for gas is not the model's concern.
    model.account(hex(alice.address)).balance = 10n ** 15n;
    for (let round = 0; round < ROUND_COUNT; round++) {
      const random = createRandom(firstSeed + round);
      const script = randomScript(random, 0);
      const method = puppetMethods[random(puppetMethods.length)]!;
      const contract = addresses[random(5)]!;
      const value = random(3) === 0 ? 5n : 0n;
      const action = { kind: "call", contract, method, args: encodeScript(script), value } as const;
      const [one, two] = await Promise.all(chains.map((chain) => chain.run([action], { gasLimit: GAME_GAS_LIMIT })));
      expect(two, `seed ${firstSeed + round}`).toEqual(one);
      model.state.events = [];
      model.state.created = [];
      const outcome = model.transaction(alice.address, contract, method, value, script);
      kinds.set(outcome.kind, (kinds.get(outcome.kind) ?? 0) + 1);
      const shown = `seed ${firstSeed + round}: ${JSON.stringify(script, (_, item) => (item instanceof Uint8Array ? hex(item).slice(0, 4) : typeof item === "bigint" ? String(item) : item))}`;
      expect(outcomeOf(one!), shown).toEqual(outcome);
      expect(
        one!.events.map(({ contract: emitter, data }) => [hex(emitter), data[0]]),
        shown,
      ).toEqual(model.state.events.map((event) => [event.contract, event.data]));
      expect(one!.actions[0]!.created.map(hex), shown).toEqual(model.state.created);
      for (const address of addresses.filter((other) => other !== alice.address)) {
        const expected = model.account(hex(address));
        const account = chains[0]!.account(address);
        expect([account.balance, account.codeHash && hex(account.codeHash)], shown).toEqual([
          expected.balance,
          expected.codeHash,
        ]);
        for (let key = 0; key < 3; key++) {
          const stored = chains[0]!.storage(address, String.fromCharCode(key));
          expect(stored?.[0], shown).toBe(expected.storage.get(key));
        }
      }
    }
    expect(chains[0]!.chain.head.stateRoot).toEqual(chains[1]!.chain.head.stateRoot);
  }

  function outcomeOf({ status, actions }: Receipt): ModelOutcome {
    return status.kind === "success" ? { kind: "success", data: actions[0]!.returnData } : status;
  }
});
