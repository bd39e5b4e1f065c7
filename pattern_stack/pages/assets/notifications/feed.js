/** Notifications to acknowledge, the newest first. */

import { $, element, fill, flash, write } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"
import { time } from "./alerts.js"

const MARKS = { info: "i", success: "✓", warning: "!", error: "×", progress: "…" }
const AT_MOST = 200

export class Feed {
  changed = () => {}
  #notifications
  #runs
  #open = false

  constructor(notifications, runs) {
    this.#notifications = notifications
    this.#runs = runs
    $("feed-open").onclick = () => {
      this.#open = !this.#open
      $("feed-open").ariaPressed = String(this.#open)
      this.changed()
    }
    $("acknowledge-all").onclick = () => attempt(() => Promise.all(this.#unread().map((one) => this.#acknowledge(one))))
  }

  show() {
    const unread = this.#unread()
    const shown = this.#open ? unread : this.#concerning()
    fill($("feed"), shown.slice(0, AT_MOST), { key: ({ id }) => id, make: (one) => this.#row(one), update: (one, record) => this.#update(one, record) })
    write($("feed-count"), unread.length ? `${unread.length} to acknowledge` : "")
    $("acknowledge-all").disabled = unread.length === 0
    $("feed-empty").hidden = shown.length > 0
  }

  #concerning() {
    return this.#notifications.list().filter((one) => this.#runs.concerns(one))
  }

  #unread() {
    return this.#concerning().filter((one) => !one.acknowledged)
  }

  #row(record) {
    const { id, type, title, message, session_id: run, metadata, timestamp } = record
    const mark = element("span", { className: "mark", title: type, role: "img", "aria-label": type, data: { type } }, MARKS[type])
    const of = run && element("span", { className: "of quiet" }, run)
    const watch = typeof metadata.run === "string" && element("button", { className: "plain watch", type: "button", data: { watch: metadata.run } }, `Watch ${metadata.run}`)
    const acknowledge = element("button", { className: "plain acknowledge", type: "button", "aria-label": `Acknowledge ${title}` }, "Acknowledge")
    acknowledge.onclick = () => this.#press(record, acknowledge)
    const text = element("div", { className: "text" }, element("strong", {}, title), of, watch, message && element("p", { className: "quiet" }, message))
    const one = element("li", { className: "record notification", data: { type, id } }, mark, text, time(timestamp), acknowledge)
    if (record.heard) flash(one)
    return one
  }

  #update(one, { acknowledged, metadata }) {
    const watch = one.querySelector(".watch")
    if (watch) watch.hidden = this.#runs.watched.includes(metadata.run)
    if (!acknowledged || one.dataset.settled) return
    one.dataset.settled = true
    one.querySelector(".acknowledge").replaceWith(element("span", { className: "unseen" }, "Acknowledged"))
  }

  async #press(record, button) {
    button.disabled = true
    const next = [...document.querySelectorAll("#feed .acknowledge:enabled")].find((other) => button.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING)
    const done = await attempt(() => this.#acknowledge(record))
    button.disabled = done
    if (done) next?.focus()
  }

  async #acknowledge({ id }) {
    await api.post(`notifications/${id}/acknowledge`)
    this.#notifications.settle(id)
    this.changed()
  }
}
