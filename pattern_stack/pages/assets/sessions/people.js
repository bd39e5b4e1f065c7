/** Who is here. The server tells how many; of those who came while this page was here, which. */

import { element, fill, write } from "../elements.js"

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
    if (this.#me !== me) this.#others.delete(me)
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
    const named = [...this.#others].slice(-Math.max(0, this.#count - 1))
    const more = this.#count - 1 - named.length
    const shown = [["you", "You"], ...named.slice(0, 6).map((id) => [id, id.slice(0, 4)])]
    const rest = more + Math.max(0, named.length - 6)
    if (rest > 0) shown.push(["rest", `+${rest}`])
    fill(this.#place, [["count", `${this.#count} here`], ...shown], {
      key: ([key]) => key,
      make: ([key]) => chip(key),
      update: (one, [, text]) => write(one, text),
    })
  }
}

function chip(key) {
  if (key === "count") return element("span", { className: "number" })
  return coloured(element("span", { className: "person" }), key)
}

/** The same colour for the same id, on every page. */
export function coloured(one, id) {
  if (/^(you|rest)$/.test(id)) one.classList.add(id)
  else one.style.setProperty("--turn", [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7))
  return one
}
