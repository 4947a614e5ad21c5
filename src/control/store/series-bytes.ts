/**
 * How points in time lie in the file. Little-endian.
 *
 *   60 seconds:   { field u16, 60 x value f32 } ...           242 bytes a field
 *   a point:      { field u16, seconds u32, sum f64, min f32, max f32 } ...   22 bytes a field
 *
 * Fields are numbers in `seriesFields`; one that was 0 all the time is left out.
 */

export const CHUNK_SECONDS = 60
const CHUNK_FIELD_BYTES = 2 + CHUNK_SECONDS * 4
const POINT_FIELD_BYTES = 22

/** By field: the value of each second. */
export type Chunk = Map<number, Float32Array>

export interface Stat {
  readonly seconds: number
  readonly sum: number
  readonly min: number
  readonly max: number
}
/** By field: what a minute or an hour came to. */
export type Point = Map<number, Stat>

export function chunkBytes(chunk: Chunk): Uint8Array {
  const bytes = new Uint8Array(chunk.size * CHUNK_FIELD_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [field, values] of chunk) {
    view.setUint16(at, field, true)
    for (let i = 0; i < CHUNK_SECONDS; i++) view.setFloat32(at + 2 + i * 4, values[i], true)
    at += CHUNK_FIELD_BYTES
  }
  return bytes
}

export function readChunk(bytes: Uint8Array): Chunk {
  const view = viewOf(bytes)
  const chunk: Chunk = new Map()
  for (let at = 0; at + CHUNK_FIELD_BYTES <= bytes.length; at += CHUNK_FIELD_BYTES) {
    const values = new Float32Array(CHUNK_SECONDS)
    for (let i = 0; i < CHUNK_SECONDS; i++) values[i] = view.getFloat32(at + 2 + i * 4, true)
    chunk.set(view.getUint16(at, true), values)
  }
  return chunk
}

export function pointBytes(point: Point): Uint8Array {
  const bytes = new Uint8Array(point.size * POINT_FIELD_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [field, { seconds, sum, min, max }] of point) {
    view.setUint16(at, field, true)
    view.setUint32(at + 2, seconds, true)
    view.setFloat64(at + 6, sum, true)
    view.setFloat32(at + 14, min, true)
    view.setFloat32(at + 18, max, true)
    at += POINT_FIELD_BYTES
  }
  return bytes
}

export function readPoint(bytes: Uint8Array): Point {
  const point: Point = new Map()
  eachStat(bytes, (field, seconds, sum, min, max) => point.set(field, { seconds, sum, min, max }))
  return point
}

/** Without an object for each: a week of a service has 80,000. */
export function eachStat(
  bytes: Uint8Array,
  take: (field: number, seconds: number, sum: number, min: number, max: number) => void,
): void {
  const view = viewOf(bytes)
  for (let at = 0; at + POINT_FIELD_BYTES <= bytes.length; at += POINT_FIELD_BYTES) {
    take(
      view.getUint16(at, true),
      view.getUint32(at + 2, true),
      view.getFloat64(at + 6, true),
      view.getFloat32(at + 14, true),
      view.getFloat32(at + 18, true),
    )
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
