/** Every REST call that openapi.json describes: what it takes, and what it may answer. */

import { $, element } from "../elements.js"
import { example, typeOf } from "./example.js"

const json = (value) => element("pre", { tabIndex: 0 }, JSON.stringify(value, null, 2))

function section(name, calls, schemas) {
  const all = calls.map(([path, method, call]) => details(path, method, call, schemas))
  return element("section", { className: "panel" }, element("header", {}, element("h2", {}, name)), ...all)
}

function details(path, method, call, schemas) {
  const summary = element(
    "summary", {}, element("code", { className: "method" }, method.toUpperCase()), element("code", {}, path),
    element("span", { className: "quiet" }, call.summary ?? ""),
  )
  const parts = [call.description && element("p", {}, call.description), ...parameters(call, schemas), ...body(call, schemas), ...answers(call, schemas)]
  return element("details", {}, summary, element("div", { className: "call" }, ...parts))
}

function parameters({ parameters = [] }, schemas) {
  if (!parameters.length) return []
  const rows = parameters.flatMap((one) => [
    element("dt", {}, one.name),
    element("dd", {}, described(one, schemas)),
  ])
  return [element("h3", {}, "Parameters"), element("dl", {}, ...rows)]
}

function described({ in: place, schema, required, description }, schemas) {
  const kind = [`in ${place}`, typeOf(schema, schemas), required && "required"].filter(Boolean).join(", ")
  return description ? `${kind}: ${description}` : kind
}

function body({ requestBody }, schemas) {
  const content = requestBody?.content?.["application/json"]
  if (!content) return []
  const examples = Object.values(content.examples ?? {}).map((one) => one.value)
  return [element("h3", {}, "Body"), ...(examples.length ? examples : [example(content.schema, schemas)]).map(json)]
}

function answers({ responses = {} }, schemas) {
  return Object.entries(responses).flatMap(([status, { description, content }]) => {
    const { schema, examples } = content?.["application/json"] ?? {}
    const shown = examples ? Object.values(examples).map((one) => one.value) : schema ? [example(schema, schemas)] : []
    return [element("h3", {}, `${status} ${description ?? ""}`), ...shown.map(json)]
  })
}

async function show() {
  const answer = await fetch($("source").href)
  if (!answer.ok) throw new Error(`openapi.json: the server answered ${answer.status}`)
  const { info, paths, components } = await answer.json()
  const groups = new Map()
  for (const [path, calls] of Object.entries(paths))
    for (const [method, call] of Object.entries(calls)) {
      const name = call.tags?.[0] ?? info.title
      groups.set(name, [...(groups.get(name) ?? []), [path, method, call]])
    }
  $("calls").replaceChildren(...[...groups].map(([name, calls]) => section(name, calls, components?.schemas ?? {})))
}

show().catch((error) => $("calls").replaceChildren(element("p", { className: "empty" }, error.message)))
