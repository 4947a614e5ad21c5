/** `-c, --config`: where the configuration is, for every command that reads it. */
import { Option } from 'commander'

export const CONFIG_FILE_DEFAULT = 'tidegate.yaml'

export function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration').default(CONFIG_FILE_DEFAULT)
}
