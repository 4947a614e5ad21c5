import type { Command } from 'commander'

/** Shows command lines to try below a command's help: `[line, what it does]`. */
export function addExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}
