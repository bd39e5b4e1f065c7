/** Notifications or alerts by their ids. What is settled stays settled, whichever comes first: the event or what was read. */

const AT_MOST = 1_000 // as many as the server keeps, so that a page can stay open for months

export class Records {
  #records = new Map()
  #reading = 0
  #settled

  /** `settled` names the property that goes from false to true once: acknowledged, resolved. */
  constructor(settled) {
    this.#settled = settled
  }

  /** Whether it is new. `heard` is true of what an event told. */
  put(record, heard = false) {
    const had = this.#records.get(record.id)
    const settled = record[this.#settled] || (had?.record[this.#settled] ?? false)
    const one = { ...record, [this.#settled]: settled, heard: had?.record.heard ?? heard }
    this.#records.set(record.id, { record: one, reading: this.#reading })
    if (this.#records.size > AT_MOST) this.#records.delete(this.#records.keys().next().value)
    return !had
  }

  settle(id) {
    const had = this.#records.get(id)
    if (had) had.record[this.#settled] = true
  }

  /** What is neither read nor told from now on, until the function that it answers is called, is forgotten then. */
  read() {
    const reading = ++this.#reading
    return () => {
      for (const [id, one] of this.#records) if (one.reading < reading) this.#records.delete(id)
    }
  }

  /** Newest first. */
  list() {
    return [...this.#records.values()].map(({ record }) => record).sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1))
  }
}
