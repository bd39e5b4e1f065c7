/** The list of alerts: open ones first, by severity, then by time. */

import { $, clock, element, fill, flash, write } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"

const SEVERITIES = ["critical", "high", "medium", "low"]
const MAX_ROWS = 200

export class Alerts {
  changed = () => {}
  needsAction = false
  #alerts
  #runs
  #showResolved = false

  constructor(alerts, runs) {
    this.#alerts = alerts
    this.#runs = runs
    $("alerts-all").onclick = () => {
      this.#showResolved = !this.#showResolved
      $("alerts-all").ariaPressed = String(this.#showResolved)
      this.changed()
    }
  }

  show() {
    const relevant = this.#alerts.list().filter((alert) => this.#runs.concerns(alert))
    const open = relevant.filter((alert) => !alert.resolved).sort(bySeverity)
    const shown = this.#showResolved ? [...open, ...relevant.filter((alert) => alert.resolved)] : open
    fill($("alerts"), shown.slice(0, MAX_ROWS), { key: ({ id }) => id, make: (alert) => this.#row(alert), update })
    this.needsAction = open.length > 0
    write($("alerts-count"), open.length ? `${open.length} open` : "")
    $("alerts-empty").hidden = shown.length > 0
  }

  #row(alert) {
    const { id, severity, title, description, session_id: run, timestamp } = alert
    const button = element("button", { type: "button", "aria-label": `Resolve ${title}` }, "Resolve")
    button.onclick = () => this.#resolve(alert, button)
    const head = element("div", { className: "head" }, element("span", { className: "tag", data: { severity } }, severity), element("strong", {}, title))
    const text = element("p", { className: "quiet" }, description)
    const where = element("p", { className: "where quiet" }, timeElement(timestamp), run && ` · ${run}`)
    const row = element("li", { className: "record alert", data: { severity, id } }, element("div", {}, head, description && text, where), button)
    if (alert.fromEvent) flash(row)
    return row
  }

  async #resolve({ id }, button) {
    button.disabled = true
    const next = button.closest("li").nextElementSibling ?? button.closest("li").previousElementSibling
    const succeeded = await attempt(async () => {
      await api.post(`alerts/${id}/resolve`)
      this.#alerts.settle(id)
    })
    button.disabled = succeeded
    this.changed()
    if (succeeded) next?.querySelector("button:enabled")?.focus()
  }
}

function bySeverity(a, b) {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)
}

function update(row, { resolved }) {
  if (!resolved || row.dataset.settled) return
  row.dataset.settled = true
  row.querySelector("button").replaceWith(element("span", { className: "quiet" }, "Resolved"))
}

export function timeElement(timestamp) {
  return element("time", { dateTime: timestamp, title: new Date(timestamp).toLocaleString() }, clock(timestamp))
}
