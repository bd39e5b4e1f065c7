/** The last events in a table, newest on top. */

const KEEP = 200

export class Log {
  #rows
  #empty

  constructor(rows, empty) {
    this.#rows = rows
    this.#empty = empty
  }

  /** Cells are text, or elements. */
  add(cells, kind = "") {
    const line = this.#rows.insertRow(0)
    line.className = kind
    for (const cell of cells) line.insertCell().append(cell)
    while (this.#rows.rows.length > KEEP) this.#rows.deleteRow(-1)
    this.#empty.hidden = true
  }

  clear() {
    this.#rows.replaceChildren()
    this.#empty.hidden = false
  }
}
