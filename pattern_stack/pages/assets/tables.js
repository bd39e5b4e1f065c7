/** Panels with a table each: a heading, columns, rows by key, and links to the next rows. */

import { element, fill, write } from "./elements.js"

/** `columns`: { title, text(row), className, cell(row) }; a `cell` makes an element once, `text` is written each time.
 * `onPage(from)` is called for other rows of a long list. */
const ROWS = 25 // of a page; the server's default

export class Table {
  #columns
  #empty
  #key
  #page
  #onPage

  constructor(parent, { id, title, columns, key, empty = "", onPage = null }) {
    this.#columns = columns
    this.#key = key
    this.#onPage = onPage
    const headingId = `${id}-title`
    this.body = element("tbody", { id })
    this.count = element("span", { className: "quiet number" })
    this.header = element("header", {}, element("h2", { id: headingId }, title), this.count)
    const names = element("tr", {}, ...columns.map((one) => element("th", { scope: "col", className: one.className ?? "" }, one.title || element("span", { className: "unseen" }, one.label))))
    this.table = element("table", { className: "rows", "aria-labelledby": headingId }, element("thead", {}, names), this.body)
    this.empty = element("p", { className: "empty" }, empty)
    this.#empty = empty
    this.panel = element("section", { className: "panel", "aria-labelledby": headingId }, this.header, this.table, this.empty)
    this.#page = onPage && this.#pager(title)
    parent.append(this.panel)
  }

  /** `list`: { rows, total, matching, from }. Without rows the panel says so, or hides where it has nothing to say. */
  show(list) {
    const { rows, total, matching = total, from = 0 } = list
    fill(this.body, rows, { key: this.#key, make: () => this.#row(), update: (element, row) => this.#update(element, row) })
    this.table.hidden = rows.length === 0
    write(this.empty, total > 0 ? (this.#empty ? "None of them mentions what is searched for." : "") : this.#empty)
    this.empty.hidden = rows.length > 0 || !this.empty.textContent
    this.panel.hidden = rows.length === 0 && !this.empty.textContent
    const shown = rows.length < matching ? `${(from + 1).toLocaleString()}–${(from + rows.length).toLocaleString()} of ` : ""
    const of = matching < total ? `, of ${total.toLocaleString()} in all` : ""
    write(this.count, matching ? `${rows.length ? shown : "none of "}${matching.toLocaleString()}${of}` : of ? `none${of}` : "")
    this.#page?.(from, rows.length, matching)
  }

  #row() {
    return element("tr", {}, ...this.#columns.map((one) => element("td", { className: one.className ?? "", data: one.title ? { label: one.title } : {} })))
  }

  #update(line, row) {
    this.#columns.forEach((column, index) => {
      const cell = line.cells[index]
      if (!column.cell) write(cell, column.text(row))
      else if (!cell.firstChild) cell.append(column.cell(row))
    })
  }

  #pager(title) {
    const before = element("button", { className: "plain", type: "button", "aria-label": `${title}: the rows before` }, "Previous")
    const after = element("button", { className: "plain", type: "button", "aria-label": `${title}: the rows after` }, "Next")
    const group = element("span", { className: "pager" }, before, after)
    this.header.append(group)
    return (from, count, matching) => {
      group.hidden = from === 0 && count >= matching
      before.disabled = from === 0
      after.disabled = from + count >= matching
      before.onclick = () => this.#onPage(Math.max(from - ROWS, 0))
      after.onclick = () => this.#onPage(from + ROWS)
    }
  }
}
