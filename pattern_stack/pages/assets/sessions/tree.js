/** The tree as it is shown: what is under a node is built when it is opened first. */

import { element, flash, write } from "../elements.js"

const OPEN_UP_TO = 300 // nodes; of a bigger graph nothing is open at first but a root that is alone

export class Tree {
  selected = null
  #place
  #graph
  #schema
  #onSelect
  #open = new Set()
  #lines = new Map() // id -> li

  constructor(place, graph, onSelect) {
    this.#place = place
    this.#graph = graph
    this.#onSelect = onSelect
    place.onclick = ({ target }) => this.#clicked(target)
    place.onkeydown = (event) => this.#pressed(event)
  }

  /** Everything anew. What was open and selected stays so. */
  rebuild(schema) {
    const focused = this.#place.contains(document.activeElement)
    const first = this.#lines.size === 0
    this.#schema = schema
    for (const id of this.#open) if (!this.#graph.nodes.has(id)) this.#open.delete(id)
    if (first) for (const id of this.#opened()) this.#open.add(id)
    this.#lines.clear()
    this.#place.replaceChildren(...this.#graph.roots.map((id) => this.#line(id)))
    this.select(this.#graph.nodes.has(this.selected) ? this.selected : (this.#graph.roots[0] ?? null), focused)
  }

  #opened() {
    const { nodes, roots } = this.#graph
    if (nodes.size <= OPEN_UP_TO) return nodes.keys()
    return roots.length === 1 ? roots : []
  }

  clear() {
    this.#lines.clear()
    this.#open.clear()
    this.#place.replaceChildren()
    this.selected = null
  }

  /** The node came, or went to another place. What others do opens nothing that was closed. */
  put(id, mine) {
    const { parent } = this.#graph.nodes.get(id)
    const before = this.#lines.get(id)?.parentElement?.closest("li")?.dataset.id
    if (parent !== null && (mine || this.#graph.siblings(parent).length === 1)) this.#toggle(parent, true)
    this.#settle(id, parent)
    for (const near of [before, parent]) this.#update(near)
    if (this.selected === null) this.select(id)
    else if (this.#graph.ancestry(this.selected).includes(id)) this.#reveal()
    this.change(id, mine)
  }

  /** The node has other properties. */
  change(id, mine) {
    this.#update(id)
    if (!mine && this.#lines.has(id)) flash(this.#lines.get(id).firstElementChild)
  }

  /** The node is gone from the graph; `parent` was its parent. */
  remove(id, parent) {
    const line = this.#lines.get(id)
    if (this.selected === id) this.#selectNear(line, parent)
    line?.remove()
    this.#lines.delete(id)
    this.#open.delete(id)
    this.#update(parent)
  }

  select(id, focus = false) {
    this.#mark(this.selected, false)
    this.selected = id
    this.#reveal()
    this.#mark(id, true)
    if (focus) this.#lines.get(id)?.focus()
    this.#onSelect(id)
  }

  /** Opens what the selected node is under. */
  #reveal() {
    for (const above of this.#graph.ancestry(this.selected).slice(1).reverse()) this.#toggle(above, true)
  }

  #mark(id, on) {
    const line = this.#lines.get(id)
    if (!line) return
    line.ariaSelected = String(on)
    line.tabIndex = on ? 0 : -1
    if (on) line.firstElementChild.scrollIntoView({ block: "nearest" })
  }

  #selectNear(line, parent) {
    const near = line?.nextElementSibling ?? line?.previousElementSibling
    this.select(near?.dataset.id ?? parent, line?.contains(document.activeElement))
  }

  // -- lines

  #line(id) {
    const twist = element("span", { className: "twist", "aria-hidden": "true" })
    const parts = ["name", "type quiet", "tag"].map((className) => element("span", { className }))
    const line = element("li", { role: "treeitem", tabIndex: -1, "aria-selected": "false", data: { id } })
    line.append(element("div", { className: "row" }, twist, ...parts), element("ul", { role: "group" }))
    this.#lines.set(id, line)
    this.#level(line, this.#graph.ancestry(id).length)
    this.#update(id)
    if (this.#open.has(id)) this.#build(id)
    return line
  }

  /** What is under a node that is shown. */
  #build(parent) {
    const group = this.#lines.get(parent)?.lastElementChild
    if (!group || group.dataset.built) return
    group.dataset.built = true
    for (const id of this.#graph.siblings(parent)) this.#settle(id, parent)
  }

  /** Among its siblings, where those are built; nowhere, where they are not. */
  #settle(id, parent) {
    const group = parent === null ? this.#place : this.#lines.get(parent)?.lastElementChild
    const focused = this.#lines.get(id)?.contains(document.activeElement)
    if (parent !== null && !group?.dataset.built) return this.#lines.get(id)?.remove()
    const line = this.#lines.get(id) ?? this.#line(id)
    const index = this.#graph.siblings(parent).indexOf(id)
    if (group.children[index] === line) return
    line.remove()
    group.insertBefore(line, group.children[index] ?? null)
    this.#level(line)
    if (focused) line.focus()
  }

  #level(line, level = this.#graph.ancestry(line.dataset.id).length) {
    line.setAttribute("aria-level", level)
    for (const below of line.lastElementChild.children) this.#level(below, level + 1)
  }

  #update(id) {
    const line = this.#lines.get(id)
    const node = this.#graph.nodes.get(id)
    if (!line || !node) return
    const [, name, type, tag] = line.firstElementChild.children
    const status = this.#schema.status(node)
    write(name, node.name)
    write(type, this.#schema.typeName(node.type))
    write(tag, status?.name ?? "")
    tag.hidden = !status
    tag.dataset.indicator = status?.indicator_id ?? ""
    if (node.children.length) line.ariaExpanded = String(this.#open.has(id))
    else line.removeAttribute("aria-expanded")
  }

  #toggle(id, open = !this.#open.has(id)) {
    if (open === this.#open.has(id)) return
    if (open) this.#open.add(id)
    else this.#open.delete(id)
    if (open) this.#build(id)
    else if (this.#graph.ancestry(this.selected).slice(1).includes(id)) this.select(id, true)
    this.#update(id)
  }

  // -- mouse and keys

  #clicked(target) {
    const id = target.closest("li")?.dataset.id
    if (!id) return
    if (target.closest(".twist")) this.#toggle(id)
    else this.select(id, true)
  }

  #pressed(event) {
    const step = KEYS[event.key]
    if (!step || this.selected === null || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const node = this.#graph.nodes.get(this.selected)
    const open = this.#open.has(node.id) && node.children.length > 0
    if (event.key === "ArrowRight" && !open && node.children.length) return this.#toggle(node.id, true)
    if (event.key === "ArrowLeft" && open) return this.#toggle(node.id, false)
    const shown = [...this.#place.querySelectorAll("li")].filter((line) => line.checkVisibility()).map((line) => line.dataset.id)
    const next = step(node, shown, shown.indexOf(node.id))
    if (next) this.select(next, true)
  }
}

const KEYS = {
  ArrowDown: (node, shown, at) => shown[at + 1],
  ArrowUp: (node, shown, at) => shown[at - 1],
  ArrowRight: (node) => node.children[0],
  ArrowLeft: (node) => node.parent,
  Home: (node, shown) => shown[0],
  End: (node, shown) => shown.at(-1),
}
