/** Which node each of the others has selected, and whether they type in its form. */

import { fill } from "../elements.js"
import { chip } from "./people.js"

const TYPING = 3_000 // milliseconds after the last key

export class Cursors {
  #client
  #container
  #own
  #channel = null
  #end
  #members = []
  #shown = { node: null, typing: false }
  #timer

  /** `container` holds the rows of the tree. `own` are the connection ids that this page has had. */
  constructor(client, container, detail, own) {
    this.#client = client
    this.#container = container
    this.#own = own
    detail.addEventListener("input", () => this.#typing())
    detail.addEventListener("focusout", () => this.#show({ typing: false }))
  }

  open(id) {
    this.#channel = `session-cursors:${id}`
    this.#end = this.#client.presence(this.#channel).onChange((members) => {
      this.#members = members
      this.draw()
    })
  }

  leave() {
    clearTimeout(this.#timer)
    this.#end?.()
    this.#channel = null
    this.#members = []
    this.#shown = { node: null, typing: false }
  }

  /** This page has selected a node. */
  select(node) {
    this.#show({ node, typing: false })
  }

  #typing() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#show({ typing: false }), TYPING)
    this.#show({ typing: true })
  }

  #show(change) {
    const shown = { ...this.#shown, ...change }
    if (this.#channel === null || (shown.node === this.#shown.node && shown.typing === this.#shown.typing)) return
    this.#shown = shown
    this.#client.setState(this.#channel, shown.node === null ? null : shown)
  }

  /** Puts the labels on the rows that there are now. */
  draw() {
    const others = this.#members.filter(({ connection_id: id, state }) => typeof state?.node === "string" && !this.#own.has(id))
    for (const row of this.#container.querySelectorAll("li")) {
      const here = others.filter(({ state }) => state.node === row.dataset.id)
      fill(row.querySelector(".cursors"), here, { key: ({ connection_id: id }) => id, make: ({ connection_id: id }) => chip(id), update })
    }
  }
}

function update(label, { state }) {
  label.classList.toggle("typing", state.typing === true)
  label.ariaLabel = `${label.textContent} ${state.typing === true ? "types here" : "is here"}`
}
