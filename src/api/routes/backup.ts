/** POST /api/v1/backup: a whole copy of the store, in a folder of its own. Nobody names a path from here. */
import { BACKUP_PATH, BACKUP_TIMEOUT_MS, BackupAnswer, BackupRequest, Problem } from '../contract.ts'
import { BackupsError } from '../../control/store/backups.ts'
import { StoreError } from '../../control/store/store.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'

/** Makes one; its name may be chosen. Throws StoreError and BackupsError. */
export type MakeBackup = (name?: string) => Promise<BackupAnswer>

export function backupRoutes(app: App, { actions: { backup } }: Room): void {
  app.post(
    BACKUP_PATH,
    {
      config: { role: 'admin', audit: 'backup' },
      schema: {
        operationId: 'backup',
        summary: 'Copies the store into stateDir/backups, whole, while it is written.',
        tags: ['node'],
        body: BackupRequest,
        response: { 200: BackupAnswer, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => {
      request.raw.socket.setTimeout(BACKUP_TIMEOUT_MS)
      try {
        const { path, bytes } = await backup(request.body.name)
        request.auditDetails = path
        return { path, bytes }
      } catch (error) {
        const { message } = error as Error
        if (error instanceof BackupsError) throw new ApiProblem('E_CONFLICT', message, { title: 'No backup made' })
        if (!(error instanceof StoreError)) throw error
        if (error.code === 'E_STORE_EXISTS') throw new ApiProblem('E_CONFLICT', message, { title: 'Is there already' })
        throw new ApiProblem('E_STORE', message)
      }
    },
  )
}
