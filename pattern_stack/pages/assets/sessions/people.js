/** The connections to the session. The server sends their number; ids are known only for those who joined after this page. */

import { element, fill, write } from "../elements.js"

const MAX_CHIPS = 6

export class People {
  #container
  #count = 0
  #ownId = null
  #others = new Set()

  constructor(container) {
    this.#container = container
  }

  /** A snapshot has arrived: the number of connections, and this page's connection id. */
  update(count, ownId) {
    this.#others.delete(ownId)
    this.#count = count
    this.#ownId = ownId
    this.#show()
  }

  clear() {
    this.#others.clear()
    this.#ownId = null
  }

  receive(event, { connection_id: id, active_clients: count }) {
    this.#count = count
    if (event === "session-connected" && id !== this.#ownId) this.#others.add(id)
    else this.#others.delete(id)
    this.#show()
  }

  #show() {
    const named = [...this.#others].slice(-Math.max(0, this.#count - 1)).slice(0, MAX_CHIPS)
    const rest = this.#count - 1 - named.length
    fill(this.#container, ["count", "you", ...named, ...(rest > 0 ? ["rest"] : [])], {
      key: (id) => id,
      make: (id) => (id === "count" ? element("span", { className: "number" }) : chip(id)),
      update: (child, id) => (id === "count" ? write(child, `${this.#count} here`) : id === "rest" && write(child, `+${rest}`)),
    })
  }
}

/** A label for a connection. The same id has the same colour and text on every page. */
export function chip(id) {
  if (id === "you") return element("span", { className: "person you" }, "You")
  const label = element("span", { className: "person", title: id }, id.slice(0, 4))
  label.style.setProperty("--turn", [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7))
  return label
}
