/** Who is here. The server tells how many; of those who came while this page was here, which. */

import { element, fill, write } from "../elements.js"

const AT_MOST = 6

export class People {
  #place
  #count = 0
  #me = null
  #others = new Set()

  constructor(place) {
    this.#place = place
  }

  /** As a snapshot tells it. */
  begin(count, me) {
    this.#others.delete(me)
    this.#count = count
    this.#me = me
    this.#show()
  }

  forget() {
    this.#others.clear()
    this.#me = null
  }

  hear(event, { connection_id: id, active_clients: count }) {
    this.#count = count
    if (event === "session-connected" && id !== this.#me) this.#others.add(id)
    else this.#others.delete(id)
    this.#show()
  }

  #show() {
    const named = [...this.#others].slice(-Math.max(0, this.#count - 1)).slice(0, AT_MOST)
    const rest = this.#count - 1 - named.length
    fill(this.#place, ["count", "you", ...named, ...(rest > 0 ? ["rest"] : [])], {
      key: (id) => id,
      make: (id) => (id === "count" ? element("span", { className: "number" }) : chip(id)),
      update: (one, id) => (id === "count" ? write(one, `${this.#count} here`) : id === "rest" && write(one, `+${rest}`)),
    })
  }
}

/** The same colour and the same short name for the same id, on every page. */
export function chip(id) {
  if (id === "you") return element("span", { className: "person you" }, "You")
  const one = element("span", { className: "person", title: id }, id.slice(0, 4))
  one.style.setProperty("--turn", [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7))
  return one
}
