/** A table of the newest events, newest first. */

const MAX_ROWS = 200

export class Log {
  #rows
  #empty

  /** `empty` is shown while there are no rows. */
  constructor(rows, empty) {
    this.#rows = rows
    this.#empty = empty
  }

  /** Cells are strings or elements. */
  add(cells, className = "") {
    const row = this.#rows.insertRow(0)
    row.className = className
    for (const cell of cells) row.insertCell().append(cell)
    while (this.#rows.rows.length > MAX_ROWS) this.#rows.deleteRow(-1)
    this.#empty.hidden = true
  }

  clear() {
    this.#rows.replaceChildren()
    this.#empty.hidden = false
  }
}
