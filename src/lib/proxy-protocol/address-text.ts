/** Numbers and addresses as ASCII text, written where the caller wants it without a string in between. */

const DIGIT_0 = 0x30
const LETTER_A = 0x61
const DOT = 0x2e
const COLON = 0x3a

/** Writes 0..65535 without leading zeros; returns the offset behind it, as all functions here do. */
export function writeDecimal(value: number, target: Uint8Array, at: number): number {
  if (value >= 10000) target[at++] = DIGIT_0 + ((value / 10000) | 0)
  if (value >= 1000) target[at++] = DIGIT_0 + (((value / 1000) | 0) % 10)
  if (value >= 100) target[at++] = DIGIT_0 + (((value / 100) | 0) % 10)
  if (value >= 10) target[at++] = DIGIT_0 + (((value / 10) | 0) % 10)
  target[at++] = DIGIT_0 + (value % 10)
  return at
}

export function writeIpv4(address: Uint8Array, from: number, target: Uint8Array, at: number): number {
  for (let i = 0; i < 4; i++) {
    if (i > 0) target[at++] = DOT
    at = writeDecimal(address[from + i], target, at)
  }
  return at
}

/** `::ffff:192.0.2.1`, the form of RFC 5952 section 5 for an IPv4 address inside IPv6. */
export function writeMappedIpv4(address: Uint8Array, from: number, target: Uint8Array, at: number): number {
  target[at++] = COLON
  target[at++] = COLON
  at = writeHexGroup(0xffff, target, at)
  target[at++] = COLON
  return writeIpv4(address, from, target, at)
}

/** The 16 bytes at `from` [RFC 5952 4]. Mapped IPv4 is the caller's to notice. */
export function writeIpv6(address: Uint8Array, from: number, target: Uint8Array, at: number): number {
  const run = longestZeroRun(address, from)
  const runStart = run >> 4
  const runEnd = runStart + (run & 0xf)
  for (let group = 0; group < 8; group++) {
    if (group >= runStart && group < runEnd) {
      if (group === runStart) target[at++] = COLON
      if (group === 7) target[at++] = COLON
      continue
    }
    if (group > 0) target[at++] = COLON
    at = writeHexGroup(groupAt(address, from, group), target, at)
  }
  return at
}

/** First of the longest runs of two or more zero groups: start in the high bits, length in the low four; 0 is none. */
function longestZeroRun(address: Uint8Array, from: number): number {
  let bestStart = 0
  let bestLength = 1
  let length = 0
  for (let group = 0; group < 8; group++) {
    length = groupAt(address, from, group) === 0 ? length + 1 : 0
    if (length > bestLength) {
      bestLength = length
      bestStart = group - length + 1
    }
  }
  return bestLength < 2 ? 0 : (bestStart << 4) | bestLength
}

function groupAt(address: Uint8Array, from: number, group: number): number {
  return (address[from + group * 2] << 8) | address[from + group * 2 + 1]
}

function writeHexGroup(group: number, target: Uint8Array, at: number): number {
  if (group >= 0x1000) target[at++] = hexDigit(group >> 12)
  if (group >= 0x100) target[at++] = hexDigit((group >> 8) & 0xf)
  if (group >= 0x10) target[at++] = hexDigit((group >> 4) & 0xf)
  target[at++] = hexDigit(group & 0xf)
  return at
}

function hexDigit(value: number): number {
  return value < 10 ? DIGIT_0 + value : LETTER_A + value - 10
}
