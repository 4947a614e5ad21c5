/** A toy that speaks first, as SMTP, SSH and MySQL do, and then says back every line. */
import { createServer, type Server } from 'node:net'

/** A longer line is cut here: a toy holds no memory for strangers either. */
const LINE_CHARACTERS_MAX = 1000

export function toyGreeter(): Server {
  return createServer((socket) => {
    let line = ''
    socket.on('error', () => socket.destroy())
    socket.write('220 Hello, I speak first. Say something, or QUIT.\r\n')
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (line + text).split(/\r?\n/)
      line = (lines.pop() ?? '').slice(-LINE_CHARACTERS_MAX)
      for (const said of lines) {
        if (said.toUpperCase() === 'QUIT') socket.end('221 Goodbye.\r\n')
        else if (socket.writable) socket.write(`250 You said: ${said.slice(0, LINE_CHARACTERS_MAX)}\r\n`)
      }
    })
  })
}
