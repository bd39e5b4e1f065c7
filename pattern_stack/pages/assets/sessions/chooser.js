/** The list of sessions, and the form for a new one. */

import { $, clock, element, fill, write } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"

const READ_INTERVAL = 3_000
const MAX_ROWS = 100

export class Chooser {
  #timer = null

  constructor() {
    $("create").onsubmit = (submit) => {
      submit.preventDefault()
      const { name, template } = submit.target
      this.#open(() => api.post("projects", { project_name: name.value, template_id: template.value }))
    }
    $("empty-session").onclick = () => this.#open(() => api.post("sessions"))
  }

  show() {
    this.#readTemplates()
    this.#read()
    this.#timer ??= setInterval(() => document.hidden || this.#read(), READ_INTERVAL)
  }

  hide() {
    clearInterval(this.#timer)
    this.#timer = null
  }

  #open(create) {
    attempt(async () => {
      location.hash = (await create()).session_id
    })
  }

  async #readTemplates() {
    if ($("create").template.options.length > 0) return
    const { templates } = await api.get("templates").catch(() => ({ templates: [] }))
    fill($("create").template, templates, {
      key: ({ id }) => id,
      make: ({ id, name, description }) => element("option", { value: id, title: description }, name),
    })
  }

  async #read() {
    const answer = await api.get("sessions").catch(() => null)
    if (!answer) return // the top bar shows that the server cannot be reached
    this.#readTemplates()
    const sessions = answer.sessions.sort((a, b) => (a.last_activity < b.last_activity ? 1 : -1))
    fill($("sessions"), sessions.slice(0, MAX_ROWS), { key: ({ session_id: id }) => id, make: createRow, update: updateRow })
    write($("sessions-count"), sessions.length > MAX_ROWS ? `${MAX_ROWS} of ${answer.total}` : `${answer.total || ""}`)
    $("sessions-empty").hidden = sessions.length > 0
  }
}

function createRow({ session_id: id }) {
  const link = element("a", { href: `#${id}` }, element("span", { className: "mono" }, id.slice(0, 8)))
  return element("li", {}, link, element("span", { className: "kind quiet" }), element("span", { className: "tag here-count" }), element("time", { className: "quiet" }))
}

function updateRow(row, { has_project: project, active_clients: clients, last_activity: active, created_at: created }) {
  write(row.querySelector(".kind"), project ? "Project" : "No project")
  write(row.querySelector(".here-count"), clients ? `${clients} here` : "nobody here")
  row.querySelector(".here-count").dataset.here = clients > 0
  write(row.querySelector("time"), `active ${clock(active)}`)
  row.querySelector("time").title = `created ${new Date(created).toLocaleString()}`
}
