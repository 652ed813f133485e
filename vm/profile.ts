/**
 * Profile 1: every limit on what a contract may be, each with its reason.
 *
 * The rule for all of them: strictly below the limit of every engine we run on (V8, JavaScriptCore and SpiderMonkey share
 * one set, quoted in brackets), because those drift between versions and a module must be a contract everywhere or nowhere.
 */
export const PROFILE_VERSION = 1;

/** Bytes of a whole module. Room for a large Rust contract; preparing one takes well under a second. */
export const CODE_SIZE_MAX = 1024 * 1024;
/** Imports and definitions together [1,000,000]. */
export const FUNCTION_COUNT_MAX = 10_000;
/** Bytes of one body [7,654,321]. Bounds the work between two check points of the gas rule. */
export const BODY_SIZE_MAX = 128 * 1024;
/** Parameters and locals of one function [50,000]; 8 bytes each on the native stack. */
export const LOCAL_COUNT_MAX = 1_024;
/** Locals over all functions. Ten thousand small functions with a thousand each take the engine a tenth of a second. */
export const LOCAL_TOTAL_MAX = 100_000;
/** Parameters of one type [1,000]. Compilers spill far earlier. */
export const PARAM_COUNT_MAX = 64;
/** Results of one type [1,000]. */
export const RESULT_COUNT_MAX = 16;
/** [1,000,000] */
export const TYPE_COUNT_MAX = 4_096;
/**
 * Parameters and results over all functions. A small module whose functions share one wide signature otherwise compiles to
 * gigabytes (CWA-2023-004).
 */
export const SIGNATURE_TOTAL_MAX = 50_000;
/**
 * What merging control flow costs an optimizing compiler: where ways meet, it joins every local and every value carried, and it
 * keeps all of that in memory at once. Without a bound, a module of one megabyte takes gigabytes to compile. The largest
 * function of the bench's programs costs 5,247; at the limit a function takes about 110 MB (`test/hostile/`).
 */
export const MERGE_COST_MAX = 1_000_000;
/** The same over all functions, because several may be compiled at once. */
export const MERGE_TOTAL_MAX = 10_000_000;
/** A loop header joins on the way in and on every way back, and compares besides. */
export const LOOP_MERGE_FACTOR = 4;
export const LOOP_MERGE_EXTRA = 32;
/** Open blocks at one place. Stock compilers stay below 200; engines differ in how they recurse. */
export const NESTING_MAX = 512;
/** Targets of one br_table, the default not counted [65,520]. */
export const BR_TABLE_SIZE_MAX = 4_096;
/** [1,000,000] */
export const GLOBAL_COUNT_MAX = 1_024;
/** More than the host table has functions; importing one twice is allowed [100,000]. */
export const IMPORT_COUNT_MAX = 256;
/** [100,000] */
export const EXPORT_COUNT_MAX = 1_024;
/** Bytes of an import's, export's or function's name [100,000]. */
export const NAME_SIZE_MAX = 512;
/** [100,000] */
export const DATA_SEGMENT_COUNT_MAX = 4_096;
/** [10,000,000] */
export const ELEMENT_SEGMENT_COUNT_MAX = 1_024;
/** Entries of the table, and of all element segments together [10,000,000]. */
export const TABLE_SIZE_MAX = 10_000;
/**
 * Pages of 64 KiB: 4 MiB [65,536; 16,384 in engines of 2020]. A load that follows another takes 13 ns in 4 MiB and 150 ns in
 * 32, where neither caches nor address tables hold the memory; a price for the worst would make all loads dear.
 */
export const MEMORY_PAGE_COUNT_MAX = 64;
/** Custom sections; their bytes count in the code size. */
export const CUSTOM_SECTION_COUNT_MAX = 64;
/**
 * Bytes of the instrumented module. A loop of one empty block grows most, by about 15 times; real code grows by less
 * than one half.
 */
export const INSTRUMENTED_SIZE_MAX = 8 * 1024 * 1024;

/**
 * Logical stack height of one call, in units of 8 bytes. It must trip before the 984 KB that V8 gives the main thread by
 * default. A baseline compiler takes at most 12 bytes per slot and 64 per empty frame. An optimizer keeps, over a call, values
 * that the code computes on both sides of it or that it moves out of a loop: at most one of 8 bytes for each instruction that
 * computes something. At half a unit for each of those, no unit is worth more than 16 bytes: 512 KB in all, and
 * `npm run test:stack` measures what is left.
 */
export const STACK_HEIGHT_MAX = 32 * 1024;
/** How many computing instructions of a body raise the height of its activations by one unit. */
export const COMPUTATIONS_PER_UNIT = 2;
/** What one activation costs beside its slots, in the same unit: return address, frame pointer, instance, spills. */
export const ACTIVATION_HEIGHT = 12;

/**
 * Contracts on the stack of one call. Their memories together are at most 128 MiB. Beyond a few, nobody follows what happens;
 * peers allow 4 to 25, and the EVM 1,024.
 */
export const CALL_DEPTH_MAX = 32;
/**
 * What one contract calling another costs beside both their activations, in units of the stack height: the frames of the
 * host's own functions in between. `npm run test:stack` measures them.
 */
export const CALL_BORDER_HEIGHT = 256;
