/** The inspector: what one instance knows of its channels and connections, once a second. */

import { BroadcastClient } from "../client.js"
import { $, element, fill, write } from "../elements.js"
import { call } from "../rest.js"
import { showState } from "../state.js"
import { Table } from "../tables.js"
import { attempt, toast } from "../toasts.js"
import { listsOf } from "./columns.js"
import { Events } from "./events.js"

const PAGED = ["channels", "connections", "ended"]
const LONGEST = 200 // characters of a channel's name

const client = new BroadcastClient(new URL("../../ws", import.meta.url).href, { token: ticket })
const query = { q: new URLSearchParams(location.search).get("q") ?? "" }
let channel = null
let unsubscribe = () => {}

const events = new Events()
const tables = Object.entries(listsOf({ events: (name) => attempt(() => events.open(name)), disconnect })).map(([name, list]) => [
  name,
  new Table($("lists"), { ...list, id: name, onPage: PAGED.includes(name) ? (from) => ask({ [name]: from }) : null }),
])
events.place(tables[0][1].panel)

/** For the socket. Who may not look any more is told how to. */
async function ticket() {
  try {
    return (await call("GET", "ticket")).ticket
  } catch (error) {
    if (error.status === 401 || error.status === 403) toast("error", "You may not look any more", error.message)
    throw error
  }
}

function ask(changed) {
  Object.assign(query, changed)
  const next = nameOf(query)
  if (next.length > LONGEST) return toast("error", "This search is too long")
  if (next === channel) return
  channel = next
  unsubscribe()
  unsubscribe = client.subscribe(channel, ({ channel: of, payload }) => of === channel && show(payload))
}

/** The channel of a query: what is left out is as by default. */
function nameOf(asked) {
  const set = Object.fromEntries(Object.entries(asked).filter(([name, value]) => value && !(name === "sort" && value === "subscribers")))
  if (Object.keys(set).length === 0) return "inspector"
  const text = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(set)))
  return `inspector:${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`
}

function show(view) {
  showInstance(view)
  showFindings(view.findings)
  for (const [name, table] of tables) table.show(Array.isArray(view[name]) ? { rows: view[name], total: view[name].length } : view[name])
}

function showInstance({ instance: { id, pid, host, linked, server, workers }, totals, connections, channels }) {
  const worker = server ? `, a worker of ${server}${workers > 1 ? ` (${workers} of them)` : ""}` : ""
  write($("instance"), `This instance: ${id}, process ${pid} on ${host}${worker}, ${linked ? "linked with others" : "linked with no other"}`)
  const shown = {
    Connections: connections.total,
    Channels: channels.total,
    Published: totals.published,
    Delivered: totals.delivered,
    "Slow consumers": totals.slow_consumers,
    "Link breaks": totals.link_breaks,
  }
  fill($("totals"), Object.entries(shown), {
    key: ([name]) => name,
    make: ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
    update: (row, [, value]) => write(row.lastElementChild, value.toLocaleString()),
  })
}

function showFindings(findings) {
  fill($("findings"), findings, {
    key: (one) => JSON.stringify([one.kind, one.text]),
    make: (one) => element("li", {}, element("span", { className: "tag", data: { kind: one.kind } }, one.kind.replaceAll("_", " ")), element("span", {}, one.text), element("span", { className: "hint" }, one.hint)),
  })
  $("findings-empty").hidden = findings.length > 0
  write($("findings-count"), findings.length ? String(findings.length) : "")
}

function disconnect(id) {
  return attempt(() => client.send(channel, "disconnect", { connection_id: id }))
}

function search() {
  const { q, sort } = $("search")
  ask({ q: q.value.trim(), sort: sort.value, channels: 0, connections: 0, ended: 0 })
  const url = new URL(location.href)
  url.search = query.q ? `?${new URLSearchParams({ q: query.q })}` : ""
  history.replaceState(null, "", url)
}

let typing = null
$("search").q.value = query.q
$("search").oninput = () => {
  clearTimeout(typing)
  typing = setTimeout(search, 250)
}
$("search").onsubmit = (submit) => {
  submit.preventDefault()
  search()
}
client.onError(({ code, message }) => toast("error", code, message))
showState(client, $("state"), () => [channel])
ask({})
client.connect()
