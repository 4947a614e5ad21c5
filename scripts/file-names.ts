/** Names that fit any file and so find none [STYLE 3]. */
const BANNED = new Set(['common', 'helper', 'helpers', 'index', 'manager', 'misc', 'types', 'util', 'utils'])

/** True when the file is named for nothing it holds. */
export function bannedName(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return BANNED.has(name.split('.')[0])
}
