/** The newest events of one channel, as they were when they were asked for. */

import { clock, element } from "../elements.js"
import { call } from "../rest.js"
import { Table } from "../tables.js"

const COLUMNS = [
  { title: "Offset", text: (row) => String(row.offset), className: "number" },
  { title: "At", text: (row) => (row.timestamp ? clock(row.timestamp) : ""), className: "number" },
  { title: "Event", text: (row) => row.event ?? "" },
  { title: "Payload", text: (row) => (row.payload === null ? "no longer kept" : row.payload + (row.cut ? " …" : "")), className: "wide payload" },
]

export class Events {
  #channel = ""
  #table
  #title

  place(after) {
    this.#table = new Table(after.parentElement, { id: "events", title: "Events", columns: COLUMNS, key: (row) => row.offset, empty: "No event is kept." })
    const close = element("button", { className: "plain", type: "button" }, "Close")
    close.onclick = () => (this.#table.panel.hidden = true)
    const again = element("button", { className: "plain", type: "button" }, "Read again")
    again.onclick = () => this.open(this.#channel)
    this.#title = this.#table.header.querySelector("h2")
    this.#table.header.append(again, close)
    this.#table.panel.hidden = true
    after.after(this.#table.panel)
  }

  async open(channel) {
    this.#channel = channel
    const { events } = await call("GET", `events?channel=${encodeURIComponent(channel)}`)
    this.#title.textContent = `Events of ${channel}`
    this.#table.body.replaceChildren()
    this.#table.show({ rows: events, total: events.length })
    this.#table.panel.hidden = false
    this.#title.tabIndex = -1
    this.#title.focus()
  }
}
