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
/** Pages of 64 KiB: 32 MiB [65,536; 16,384 in engines of 2020]. */
export const MEMORY_PAGE_COUNT_MAX = 512;
/** Custom sections; their bytes count in the code size. */
export const CUSTOM_SECTION_COUNT_MAX = 64;
/**
 * Bytes of the instrumented module. A loop of one empty block grows most, by about 15 times; real code grows by less
 * than one half.
 */
export const INSTRUMENTED_SIZE_MAX = 8 * 1024 * 1024;

/**
 * Logical stack height of one call, in units of 8 bytes. 256 KiB of logical height fits the 984 KB that V8 gives the main
 * thread by default: its baseline compiler takes at most 12 bytes per slot and 64 per empty frame.
 */
export const STACK_HEIGHT_MAX = 32 * 1024;
/** What one activation costs beside its slots, in the same unit: return address, frame pointer, instance, spills. */
export const ACTIVATION_HEIGHT = 12;
