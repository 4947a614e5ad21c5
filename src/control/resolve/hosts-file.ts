/** The addresses of a name in the text of a hosts file, in its order [hosts(5)]. */
export function addressesInHosts(text: string, hostname: string): string[] {
  const wanted = hostname.replace(/\.$/, '').toLowerCase()
  const found: string[] = []
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (names.some((name) => name.toLowerCase() === wanted)) found.push(address)
  }
  return found
}
