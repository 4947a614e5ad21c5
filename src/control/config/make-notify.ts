/** `notify`: from what is written to what the watch and the channels work with. */
import { dirname, resolve } from 'node:path'
import type { NotifyConfig, NotifyRule } from '../notify/notify-config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ParsedNotify } from './notify-schema.ts'
import { readCaFile } from './read-ca-file.ts'

export function makeNotify({ webhooks, slack, emails, rules }: ParsedNotify, source: ConfigSource): NotifyConfig {
  const base = (list: 'webhooks' | 'slack' | 'emails', i: number, file: string | undefined) => {
    const caFile = file === undefined ? undefined : resolve(dirname(source.file), file)
    const ca = caFile === undefined ? undefined : readCaFile(caFile)
    // What is wrong with the file is for check-notify.ts to say.
    return { caFile, ca: ca?.ok === true ? ca.value : undefined, at: source.place(['notify', list, i]) }
  }
  return {
    webhooks: webhooks.map(({ name, url, secret, ca }, i) => {
      return { type: 'webhook', name, url, secret, ...base('webhooks', i, ca) }
    }),
    slack: slack.map(({ name, url, ca }, i) => ({ type: 'slack', name, url, ...base('slack', i, ca) })),
    emails: emails.map(({ name, server, security, user, password, from, to, ca }, i) => {
      return { type: 'email', name, ...server, security, user, password, from, to, ...base('emails', i, ca) }
    }),
    rules: rules.map(makeRule),
  }
}

function makeRule({
  when,
  name,
  above,
  per,
  services,
  channels,
  gap,
  before,
}: ParsedNotify['rules'][number]): NotifyRule {
  return {
    name: name ?? when,
    when,
    above: above?.value ?? 0,
    per,
    services,
    channels,
    gapMs: gap,
    beforeMs: before,
  }
}
