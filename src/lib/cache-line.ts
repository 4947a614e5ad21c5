/** How the processor reads memory: for tables whose parts are made to lie in one line of it. */

/** 64 bytes, on x86-64 and on most of arm64. */
export const LINE_INTS = 16

/**
 * The first int32 of a large shared memory at which a line begins: glibc has 16 bytes of its own at the begin of the page.
 * Where another allocator has not, a part lies in one line more, and nothing but speed is lost.
 */
export const FIRST_LINE_AT = 12
