/** Alerts to resolve: the worst first, then the newest. */

import { $, clock, element, fill, flash, write } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"

const SEVERITIES = ["critical", "high", "medium", "low"]
const AT_MOST = 200

export class Alerts {
  changed = () => {}
  waiting = false // for somebody
  #alerts
  #runs
  #all = false

  constructor(alerts, runs) {
    this.#alerts = alerts
    this.#runs = runs
    $("alerts-all").onclick = () => {
      this.#all = !this.#all
      $("alerts-all").ariaPressed = String(this.#all)
      this.changed()
    }
  }

  show() {
    const concerning = this.#alerts.list().filter((alert) => this.#runs.concerns(alert))
    const open = concerning.filter((alert) => !alert.resolved).sort(bySeverity)
    const shown = this.#all ? [...open, ...concerning.filter((alert) => alert.resolved)] : open
    fill($("alerts"), shown.slice(0, AT_MOST), { key: ({ id }) => id, make: (alert) => this.#row(alert), update })
    this.waiting = open.length > 0
    write($("alerts-count"), open.length ? `${open.length} open` : "")
    $("alerts-empty").hidden = shown.length > 0
  }

  #row(alert) {
    const { id, severity, title, description, session_id: run, timestamp } = alert
    const resolve = element("button", { type: "button", "aria-label": `Resolve ${title}` }, "Resolve")
    resolve.onclick = () => this.#resolve(alert, resolve)
    const head = element("div", { className: "head" }, element("span", { className: "tag", data: { severity } }, severity), element("strong", {}, title))
    const told = element("p", { className: "quiet" }, description)
    const where = element("p", { className: "where quiet" }, time(timestamp), run && ` · ${run}`)
    const one = element("li", { className: "record alert", data: { severity, id } }, element("div", {}, head, description && told, where), resolve)
    if (alert.heard) flash(one)
    return one
  }

  async #resolve({ id }, button) {
    button.disabled = true
    const after = button.closest("li").nextElementSibling ?? button.closest("li").previousElementSibling
    const done = await attempt(async () => {
      await api.post(`alerts/${id}/resolve`)
      this.#alerts.settle(id)
    })
    button.disabled = done
    this.changed()
    if (done) after?.querySelector("button:enabled")?.focus()
  }
}

function bySeverity(one, other) {
  return SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity)
}

function update(one, { resolved }) {
  if (!resolved || one.dataset.settled) return
  one.dataset.settled = true
  one.querySelector("button").replaceWith(element("span", { className: "quiet" }, "Resolved"))
}

export function time(timestamp) {
  return element("time", { dateTime: timestamp, title: new Date(timestamp).toLocaleString() }, clock(timestamp))
}
