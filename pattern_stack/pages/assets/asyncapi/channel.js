/** One channel of the document: what it is, its events and its commands. */

import { example } from "../docs/example.js"
import { element } from "../elements.js"
import { fields } from "./fields.js"

/** `tryIt(name)` is called with a channel's name, whose parameters the visitor has still to fill in. */
export function channelPanel(channel, schemas, tryIt) {
  const button = element("button", { className: "plain", textContent: "Try" })
  button.onclick = () => tryIt(channel.address)
  const header = element("header", {}, element("h2", {}, channel.address), element("span", { className: "quiet" }, channel.title), button)
  const messages = Object.values(channel.messages).filter((message) => ["event", "command"].includes(message["x-kind"]))
  const result = (command) => Object.values(channel.messages).find((one) => one["x-kind"] === "result" && one.name === command.name)
  return element(
    "section", { className: "panel" }, header,
    channel.description && element("p", { className: "about" }, channel.description),
    channel.parameters && parameters(channel.parameters),
    ...messages.map((message) => details(message, result(message), schemas)),
  )
}

function parameters(all) {
  const rows = Object.entries(all).flatMap(([name, { description }]) => [element("dt", {}, `{${name}}`), element("dd", { className: "quiet" }, description)])
  return element("dl", { className: "parameters" }, ...rows)
}

function details(message, result, schemas) {
  const kind = message["x-kind"]
  const [first = ""] = (message.description ?? "").split("\n")
  const summary = element(
    "summary", {}, element("span", { className: "tag", data: { kind } }, kind), element("code", {}, message.name),
    element("span", { className: "quiet" }, first),
  )
  const parts = [
    message.description && element("p", {}, message.description),
    ...table("Payload", message.payload.properties.payload, schemas),
    ...(result ? table("Result", result.payload.properties.result, schemas) : []),
    element("h3", {}, "Frame"),
    element("pre", {}, JSON.stringify(example(message.payload, schemas), null, 2)),
  ]
  const all = element("details", {}, summary, element("div", { className: "message" }, ...parts))
  all.dataset.text = all.textContent.toLowerCase()
  return all
}

function table(title, schema, schemas) {
  const rows = fields(schema, schemas).flatMap(([name, type, description]) => [
    element("dt", {}, name),
    element("dd", {}, element("code", {}, type), description && element("span", { className: "quiet" }, ` ${description}`)),
  ])
  return rows.length ? [element("h3", {}, title), element("dl", {}, ...rows)] : []
}
