/** Which session: those there are, or a new one. */

import { $, clock, element, fill, write } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"

const EVERY = 3_000
const AT_MOST = 100

export class Chooser {
  #timer = null

  constructor() {
    $("create").onsubmit = (submit) => {
      submit.preventDefault()
      const { name, template } = submit.target
      this.#begin(() => api.post("projects", { project_name: name.value, template_id: template.value }))
    }
    $("empty-session").onclick = () => this.#begin(() => api.post("sessions"))
  }

  show() {
    this.#readTemplates()
    this.#read()
    this.#timer ??= setInterval(() => document.hidden || this.#read(), EVERY)
  }

  hide() {
    clearInterval(this.#timer)
    this.#timer = null
  }

  #begin(create) {
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
    if (!answer) return // the line on top says why
    this.#readTemplates()
    const sessions = answer.sessions.sort((a, b) => (a.last_activity < b.last_activity ? 1 : -1))
    fill($("sessions"), sessions.slice(0, AT_MOST), { key: (one) => one.session_id, make: row, update })
    write($("sessions-count"), sessions.length > AT_MOST ? `${AT_MOST} of ${answer.total}` : `${answer.total || ""}`)
    $("sessions-empty").hidden = sessions.length > 0
  }
}

function row({ session_id: id, has_project: project }) {
  const link = element("a", { href: `#${id}` }, element("span", { className: "mono" }, id.slice(0, 8)))
  return element("li", {}, link, element("span", { className: "kind quiet" }), element("span", { className: "tag here-count" }), element("time", { className: "quiet" }))
}

function update(one, { has_project: project, active_clients: here, last_activity: active, created_at: created }) {
  write(one.querySelector(".kind"), project ? "Project" : "Without a project")
  write(one.querySelector(".here-count"), here ? `${here} here` : "nobody here")
  one.querySelector(".here-count").dataset.here = here > 0
  write(one.querySelector("time"), `active ${clock(active)}`)
  one.querySelector("time").title = `created ${new Date(created).toLocaleString()}`
}
