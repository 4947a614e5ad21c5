/** The admin API for people: what the OpenAPI document of this daemon says, with a line for the shell to each operation. */
import { useSignal } from '@preact/signals'
import { addressOf } from '../api.ts'
import { useAnswer } from '../parts/answer.ts'
import { Problem } from '../parts/notice.tsx'
import {
  choicesOf,
  curlOf,
  insideOf,
  kindOf,
  type OpenApi,
  type Operation,
  operationsOf,
  type Schema,
} from '../parts/openapi.ts'

const DOCUMENT = '/api/openapi.json'
/** Deeper is told by the document itself. */
const DEPTH_MAX = 5

export default function Api() {
  const { answer, problem } = useAnswer<OpenApi>(DOCUMENT)
  const search = useSignal('')
  const wanted = search.value.trim().toLowerCase()
  const found = (answer === undefined ? [] : operationsOf(answer)).filter(({ id, path, summary }) =>
    `${id}\n${path}\n${summary}`.toLowerCase().includes(wanted),
  )
  const tags = [...new Set(found.map(({ tag }) => tag))]
  return (
    <>
      <h1>API</h1>
      <p>
        Everything here can be done by a program, too. It says who it is by <code>Authorization: Bearer TOKEN</code>.
        The document for generators is <a href={addressOf(DOCUMENT)}>openapi.json</a>
        {answer !== undefined && ` (version ${answer.info.version})`}.
      </p>
      <Problem problem={problem} />
      <div class="field">
        <label for="api-search">Search</label>
        <input
          id="api-search"
          type="search"
          class="full"
          value={search.value}
          onInput={({ currentTarget }) => (search.value = currentTarget.value)}
        />
      </div>
      {answer === undefined && problem === undefined && <p class="quiet">Loading…</p>}
      {answer !== undefined && found.length === 0 && <p class="quiet">No operation is like that.</p>}
      {tags.map((tag) => (
        <section key={tag} aria-labelledby={`tag-${tag}`}>
          <h2 id={`tag-${tag}`}>{tag}</h2>
          {found
            .filter((operation) => operation.tag === tag)
            .map((operation) => (
              <OperationView key={operation.id} operation={operation} />
            ))}
        </section>
      ))}
    </>
  )
}

function OperationView({ operation }: { readonly operation: Operation }) {
  const isOpen = useSignal(false)
  const { method, path, summary } = operation
  return (
    <details class="operation" onToggle={({ currentTarget }) => (isOpen.value = currentTarget.open)}>
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span> <code class="path">{path}</code>
        <span class="summary">{summary}</span>
      </summary>
      {isOpen.value && <Details operation={operation} />}
    </details>
  )
}

function Details({ operation }: { readonly operation: Operation }) {
  const { description, parameters, body, responses } = operation
  return (
    <div class="operation-body">
      {description !== '' && <p>{description}</p>}
      <h3>Shell</h3>
      <pre tabIndex={0} aria-label="curl">
        <code>{curlOf(operation, new URL(addressOf('/')).origin)}</code>
      </pre>
      {parameters.length > 0 && (
        <>
          <h3>Parameters</h3>
          <ul class="properties">
            {parameters.map(({ name, in: place, required = false, schema = {} }) => (
              <li key={`${place} ${name}`}>
                <code>{name}</code> <span class="badge">{place}</span>{' '}
                {required && <span class="badge warn">required</span>} <span class="quiet">{kindOf(schema)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {body !== undefined && (
        <>
          <h3>Body</h3>
          <SchemaView schema={body} depth={0} />
        </>
      )}
      <h3>Answers</h3>
      {responses.map(({ status, schema }) => (
        <details key={status} class="response">
          <summary>
            <span class={status.startsWith('2') ? 'badge good' : 'badge warn'}>{status}</span>{' '}
            <span class="quiet">{schema === undefined ? '' : kindOf(schema)}</span>
          </summary>
          {schema !== undefined && <SchemaView schema={schema} depth={0} />}
        </details>
      ))}
    </div>
  )
}

interface SchemaViewProps {
  readonly schema: Schema
  readonly depth: number
}

function SchemaView({ schema, depth }: SchemaViewProps) {
  const inside = insideOf(schema)
  const choices = choicesOf(schema)
  if (depth > DEPTH_MAX) return null
  if (inside === undefined && choices.length === 0) return depth === 0 ? <p class="quiet">{kindOf(schema)}</p> : null
  if (inside === undefined) {
    return (
      <>
        {choices.map((choice, i) => (
          <div key={i}>
            <p class="quiet">{i === 0 ? 'Either' : 'or'}</p>
            <SchemaView schema={choice} depth={depth + 1} />
          </div>
        ))}
      </>
    )
  }
  return (
    <ul class="properties">
      {Object.entries(inside.properties ?? {}).map(([name, property]) => (
        <li key={name}>
          <code>{name}</code> {inside.required?.includes(name) === true && <span class="badge warn">required</span>}{' '}
          <span class="quiet">{kindOf(property)}</span>
          {property.description !== undefined && <p>{property.description}</p>}
          <SchemaView schema={property} depth={depth + 1} />
        </li>
      ))}
    </ul>
  )
}
