/** Notifications or alerts by id. A settled record stays settled, in whatever order events and answers arrive. */

const MAX_RECORDS = 1_000 // as many as the server keeps, so that a page can stay open for months

export class Records {
  #records = new Map()
  #reads = 0
  #settled

  /** `settled` is the property that changes from false to true once: acknowledged, or resolved. */
  constructor(settled) {
    this.#settled = settled
  }

  /** Adds or updates a record. Returns whether it is new. `fromEvent`: an event brought it, not a read. */
  put(record, fromEvent = false) {
    const existing = this.#records.get(record.id)
    const settled = record[this.#settled] || (existing?.record[this.#settled] ?? false)
    const stored = { ...record, [this.#settled]: settled, fromEvent: existing?.record.fromEvent ?? fromEvent }
    this.#records.set(record.id, { record: stored, read: this.#reads })
    if (this.#records.size > MAX_RECORDS) this.#records.delete(this.#records.keys().next().value)
    return !existing
  }

  settle(id) {
    const existing = this.#records.get(id)
    if (existing) existing.record[this.#settled] = true
  }

  /** Starts a read of all records. The returned function ends it: it removes every record that was not put since the start. */
  startRead() {
    const read = ++this.#reads
    return () => {
      for (const [id, stored] of this.#records) if (stored.read < read) this.#records.delete(id)
    }
  }

  /** Newest first. */
  list() {
    return [...this.#records.values()].map(({ record }) => record).sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1))
  }
}
