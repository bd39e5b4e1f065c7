/** The fleet page: the computers, and the sessions, projects and todos of all of them. */

import { connect } from "../broadcast.js"
import { $, clock, element, fill, write } from "../elements.js"
import { api } from "../rest.js"
import { Table } from "../tables.js"
import { attempt, toast } from "../toasts.js"
import { CHANNELS, Records } from "./records.js"

const records = new Records()
const client = connect(() => CHANNELS)
let thisComputer = null

const tag = (text) => element("span", { className: "tag", data: { status: text } }, text)
const status = { title: "Status", cell: (row) => tag(row.status) }
const at = (title, name) => ({ title, text: (row) => clock(row[name]), className: "number" })

const computers = new Table($("of-computers"), {
  id: "computers",
  title: "Computers",
  empty: "No computer is known yet.",
  key: (row) => JSON.stringify([row.name, row.status]),
  columns: [
    { title: "Computer", text: (row) => row.name },
    status,
    at("Last seen", "last_seen"),
    { title: "Host", text: (row) => row.host ?? "" },
    { title: "User", text: (row) => row.user ?? "" },
    { title: "Role", text: (row) => row.role ?? "" },
    { title: "System", text: ({ system_stats: stats }) => Object.entries(stats).map(([name, value]) => `${name} ${[value].flat().join(" ")}`).join(", "), className: "wide" },
  ],
})
const sessions = new Table($("of-sessions"), {
  id: "sessions",
  title: "Sessions",
  empty: "No computer has a session.",
  key: (row) => JSON.stringify([row.session_id, row.status, row.computer === thisComputer]),
  columns: [
    { title: "Session", text: (row) => row.title || row.session_id, className: "wide" },
    status,
    { title: "Computer", text: (row) => row.computer },
    { title: "Directory", text: (row) => row.working_directory ?? "" },
    at("Active", "last_activity"),
    { title: "", label: "Delete", cell: deleting, className: "end" },
  ],
})

/** A session is deleted where it is. */
function deleting(row) {
  if (row.computer !== thisComputer) return ""
  const button = element("button", { className: "plain danger", type: "button", "aria-label": `Delete ${row.title || row.session_id}` }, "Delete")
  button.onclick = () => attempt(() => api.delete(`fleet/sessions/${encodeURIComponent(row.session_id)}`))
  return button
}

function show() {
  const by = (...names) => (a, b) => names.map((name) => String(a[name]).localeCompare(String(b[name]))).find((order) => order) ?? 0
  const listed = (resource, ...names) => records.list(resource).sort(by(...names))
  const list = (rows) => ({ rows, total: rows.length })
  computers.show(list(listed("computers", "name")))
  sessions.show(list(listed("sessions", "created_at", "session_id")))
  showProjects(listed("projects", "computer", "name"), Map.groupBy(listed("todos", "slug"), (todo) => keyOf(todo.computer, todo.project)))
}

const keyOf = (computer, path) => JSON.stringify([computer, path])

function showProjects(projects, todos) {
  fill($("projects"), projects, {
    key: ({ computer, path }) => keyOf(computer, path),
    make: () => element("li", { className: "project" }, element("div", { className: "head" }, element("strong"), element("span", { className: "of" })), element("p", { className: "quiet" }), element("ul", { className: "todos" })),
    update: (row, project) => showProject(row, project, todos.get(keyOf(project.computer, project.path)) ?? []),
  })
  $("projects-empty").hidden = projects.length > 0
  write($("projects-count"), projects.length ? String(projects.length) : "")
}

function showProject(row, { name, computer, description, path }, todos) {
  write(row.querySelector("strong"), name || path)
  write(row.querySelector(".of"), computer)
  write(row.querySelector("p"), description)
  const list = row.querySelector(".todos")
  list.setAttribute("aria-label", `Todos of ${name || path}`)
  fill(list, todos, {
    key: ({ slug, status }) => JSON.stringify([slug, status]),
    make: (todo) => element("li", {}, tag(todo.status), element("span"), element("span", { className: "has" })),
    update: ({ children: [, text, has] }, todo) => {
      write(text, todo.description ? `${todo.slug}: ${todo.description}` : todo.slug)
      write(has, [todo.has_requirements && "requirements", todo.has_implementation_plan && "plan"].filter(Boolean).join(", "))
    },
  })
}

$("create").onsubmit = (submit) => {
  submit.preventDefault()
  const { title, directory } = submit.target
  attempt(async () => {
    await api.post("fleet/sessions", { title: title.value, origin: "page", working_directory: directory.value || null })
    submit.target.reset()
  })
}

for (const channel of CHANNELS)
  client.subscribe(channel, (event) => {
    if (records.apply(event)) client.refresh(channel)
    show()
  })
client.onReset((channel) => client.refresh(channel))
client.onError(({ code, message }) => toast("error", code, message))
client.onJoin(async () => {
  if (thisComputer) return
  thisComputer = (await api.get("fleet/computers").catch(() => ({}))).this_computer ?? null
  write($("this-computer"), thisComputer ? `on ${thisComputer}` : "")
  show()
})
show()
