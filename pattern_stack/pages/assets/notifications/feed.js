/** The list of notifications, newest first. */

import { $, element, fill, flash, write } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"
import { timeElement } from "./alerts.js"

const MARKS = { info: "i", success: "✓", warning: "!", error: "×", progress: "…" }
const MAX_ROWS = 200

export class Feed {
  changed = () => {}
  #notifications
  #runs
  #hideAcknowledged = false

  constructor(notifications, runs) {
    this.#notifications = notifications
    this.#runs = runs
    $("feed-open").onclick = () => {
      this.#hideAcknowledged = !this.#hideAcknowledged
      $("feed-open").ariaPressed = String(this.#hideAcknowledged)
      this.changed()
    }
    $("acknowledge-all").onclick = () => attempt(() => Promise.all(this.#unacknowledged().map((one) => this.#acknowledge(one))))
  }

  show() {
    const unacknowledged = this.#unacknowledged()
    const shown = this.#hideAcknowledged ? unacknowledged : this.#relevant()
    fill($("feed"), shown.slice(0, MAX_ROWS), { key: ({ id }) => id, make: (record) => this.#row(record), update: (row, record) => this.#update(row, record) })
    write($("feed-count"), unacknowledged.length ? `${unacknowledged.length} to acknowledge` : "")
    $("acknowledge-all").disabled = unacknowledged.length === 0
    $("feed-empty").hidden = shown.length > 0
  }

  #relevant() {
    return this.#notifications.list().filter((record) => this.#runs.concerns(record))
  }

  #unacknowledged() {
    return this.#relevant().filter((record) => !record.acknowledged)
  }

  #row(record) {
    const { id, type, title, message, session_id: run, metadata, timestamp } = record
    const mark = element("span", { className: "mark", title: type, role: "img", "aria-label": type, data: { type } }, MARKS[type])
    const of = run && element("span", { className: "of quiet" }, run)
    const watch = typeof metadata.run === "string" && element("button", { className: "plain watch", type: "button", data: { watch: metadata.run } }, `Watch ${metadata.run}`)
    const button = element("button", { className: "plain acknowledge", type: "button", "aria-label": `Acknowledge ${title}` }, "Acknowledge")
    button.onclick = () => this.#press(record, button)
    const text = element("div", { className: "text" }, element("strong", {}, title), of, watch, message && element("p", { className: "quiet" }, message))
    const row = element("li", { className: "record notification", data: { type, id } }, mark, text, timeElement(timestamp), button)
    if (record.fromEvent) flash(row)
    return row
  }

  #update(row, { acknowledged, metadata }) {
    const watch = row.querySelector(".watch")
    if (watch) watch.hidden = this.#runs.watched.includes(metadata.run)
    if (!acknowledged || row.dataset.settled) return
    row.dataset.settled = true
    row.querySelector(".acknowledge").replaceWith(element("span", { className: "unseen" }, "Acknowledged"))
  }

  async #press(record, button) {
    button.disabled = true
    const next = [...document.querySelectorAll("#feed .acknowledge:enabled")].find((other) => button.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING)
    const succeeded = await attempt(() => this.#acknowledge(record))
    button.disabled = succeeded
    if (succeeded) next?.focus()
  }

  async #acknowledge({ id }) {
    await api.post(`notifications/${id}/acknowledge`)
    this.#notifications.settle(id)
    this.changed()
  }
}
