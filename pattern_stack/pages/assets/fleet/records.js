/** What the fleet's channels have told: the records of all computers. */

export const CHANNELS = ["fleet:computers", "fleet:projects", "fleet:todos", "fleet:sessions"]

export class Records {
  #all = { computers: new Map(), projects: new Map(), todos: new Map(), sessions: new Map() }

  list(resource) {
    return [...this.#all[resource].values()]
  }

  /** Returns whether the list has to be asked for again: it was too long for the event. */
  apply({ channel, event, payload }) {
    const resource = channel.slice("fleet:".length)
    const records = this.#all[resource]
    if (event === "snapshot") records.clear()
    if (event === "session-removed") records.delete(payload.session_id)
    else if (event === "computer-updated" || event === "session-updated") this.#put(resource, payload)
    else if (!payload[resource]) return true
    else {
      if (event !== "snapshot") for (const [id, record] of records) if (record.computer === payload.computer) records.delete(id)
      for (const record of payload[resource]) this.#put(resource, record)
    }
    return false
  }

  #put(resource, record) {
    this.#all[resource].set(IDS[resource](record), record)
  }
}

const IDS = {
  computers: (one) => one.name,
  projects: (one) => JSON.stringify([one.computer, one.path]),
  todos: (one) => JSON.stringify([one.computer, one.project, one.slug]),
  sessions: (one) => one.session_id,
}
