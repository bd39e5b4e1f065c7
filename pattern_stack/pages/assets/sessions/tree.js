/** Shows the graph as a tree. The children of a node are built when it is first expanded. */

import { element, flash, write } from "../elements.js"

const EXPAND_UP_TO = 300 // nodes; in a bigger graph, only a single root is expanded at first

export class Tree {
  selected = null
  #container
  #graph
  #schema
  #onSelect
  #onDraw
  #drawing = false
  #expanded = new Set()
  #rows = new Map() // id -> li

  /** `onDraw` is called after rows were built. */
  constructor(container, graph, onSelect, onDraw) {
    this.#container = container
    this.#graph = graph
    this.#onSelect = onSelect
    this.#onDraw = onDraw
    container.onclick = ({ target }) => this.#clicked(target)
    container.onkeydown = (event) => this.#pressed(event)
  }

  /** Builds the tree again. Expanded nodes stay expanded, and the selection stays. */
  rebuild(schema) {
    const focused = this.#container.contains(document.activeElement)
    const first = this.#rows.size === 0
    this.#schema = schema
    if (first) for (const id of this.#initiallyExpanded()) this.#expanded.add(id)
    this.#rows.clear()
    this.#container.replaceChildren(...this.#graph.roots.map((id) => this.#createRow(id)))
    this.select(this.#graph.nodes.has(this.selected) ? this.selected : (this.#graph.roots[0] ?? null), focused)
  }

  #initiallyExpanded() {
    const { nodes, roots } = this.#graph
    if (nodes.size <= EXPAND_UP_TO) return nodes.keys()
    return roots.length === 1 ? roots : []
  }

  clear() {
    this.#rows.clear()
    this.#expanded.clear()
    this.#container.replaceChildren()
    this.selected = null
  }

  /** Shows a node that was created or moved. Changes by others expand no collapsed node. */
  put(id, mine) {
    const { parent } = this.#graph.nodes.get(id)
    const before = this.#rows.get(id)?.parentElement?.closest("li")?.dataset.id
    if (parent !== null && (mine || this.#graph.siblings(parent).length === 1)) this.#toggle(parent, true)
    this.#position(id, parent)
    for (const changed of [before, parent]) this.#update(changed)
    if (this.selected === null) this.select(id)
    else if (this.#graph.ancestry(this.selected).includes(id)) this.#reveal()
    this.change(id, mine)
  }

  /** Shows a node's changed properties. */
  change(id, mine) {
    this.#update(id)
    if (!mine && this.#rows.has(id)) flash(this.#rows.get(id).firstElementChild)
  }

  /** Removes a node that was deleted from the graph; `parent` was its parent. */
  remove(id, parent) {
    const row = this.#rows.get(id)
    if (this.selected === id) this.#selectNeighbour(row, parent)
    row?.remove()
    this.#rows.delete(id)
    this.#expanded.delete(id)
    this.#update(parent)
  }

  select(id, focus = false) {
    this.#mark(this.selected, false)
    this.selected = id
    this.#reveal()
    this.#mark(id, true)
    if (focus) this.#rows.get(id)?.focus()
    this.#onSelect(id)
  }

  /** Expands the ancestors of the selected node. */
  #reveal() {
    for (const ancestor of this.#graph.ancestry(this.selected).slice(1).reverse()) this.#toggle(ancestor, true)
  }

  #mark(id, on) {
    const row = this.#rows.get(id)
    if (!row) return
    row.ariaSelected = String(on)
    row.tabIndex = on ? 0 : -1
    if (on) row.firstElementChild.scrollIntoView({ block: "nearest" })
  }

  #selectNeighbour(row, parent) {
    const neighbour = row?.nextElementSibling ?? row?.previousElementSibling
    this.select(neighbour?.dataset.id ?? parent, row?.contains(document.activeElement))
  }

  // -- rows

  #createRow(id) {
    const arrow = element("span", { className: "twist", "aria-hidden": "true" })
    const parts = ["name", "type quiet", "tag", "cursors"].map((className) => element("span", { className }))
    const row = element("li", { role: "treeitem", tabIndex: -1, "aria-selected": "false", data: { id } })
    row.append(element("div", { className: "row" }, arrow, ...parts), element("ul", { role: "group" }))
    this.#rows.set(id, row)
    this.#setLevel(row, this.#graph.ancestry(id).length)
    this.#update(id)
    if (this.#expanded.has(id)) this.#build(id)
    this.#drawSoon()
    return row
  }

  #drawSoon() {
    if (this.#drawing) return
    this.#drawing = true
    queueMicrotask(() => {
      this.#drawing = false
      this.#onDraw()
    })
  }

  /** Builds the rows of a node's children. */
  #build(parent) {
    const group = this.#rows.get(parent)?.lastElementChild
    if (!group || group.dataset.built) return
    group.dataset.built = true
    for (const id of this.#graph.siblings(parent)) this.#position(id, parent)
  }

  /** Puts the row in its place among its siblings. If those are not built, the row is removed. */
  #position(id, parent) {
    const group = parent === null ? this.#container : this.#rows.get(parent)?.lastElementChild
    const focused = this.#rows.get(id)?.contains(document.activeElement)
    if (parent !== null && !group?.dataset.built) return this.#rows.get(id)?.remove()
    const row = this.#rows.get(id) ?? this.#createRow(id)
    const index = this.#graph.siblings(parent).indexOf(id)
    if (group.children[index] === row) return
    row.remove()
    group.insertBefore(row, group.children[index] ?? null)
    this.#setLevel(row)
    if (focused) row.focus()
  }

  #setLevel(row, level = this.#graph.ancestry(row.dataset.id).length) {
    row.setAttribute("aria-level", level)
    for (const child of row.lastElementChild.children) this.#setLevel(child, level + 1)
  }

  #update(id) {
    const row = this.#rows.get(id)
    const node = this.#graph.nodes.get(id)
    if (!row || !node) return
    const [, name, type, tag] = row.firstElementChild.children
    const status = this.#schema.status(node)
    write(name, node.name)
    write(type, this.#schema.typeName(node.type))
    write(tag, status?.name ?? "")
    tag.hidden = !status
    tag.dataset.indicator = status?.indicator_id ?? ""
    if (node.children.length) row.ariaExpanded = String(this.#expanded.has(id))
    else row.removeAttribute("aria-expanded")
  }

  #toggle(id, open = !this.#expanded.has(id)) {
    if (open === this.#expanded.has(id)) return
    if (open) this.#expanded.add(id)
    else this.#expanded.delete(id)
    if (open) this.#build(id)
    else if (this.#graph.ancestry(this.selected).slice(1).includes(id)) this.select(id, true)
    this.#update(id)
  }

  // -- mouse and keyboard

  #clicked(target) {
    const id = target.closest("li")?.dataset.id
    if (!id) return
    if (target.closest(".twist")) this.#toggle(id)
    else this.select(id, true)
  }

  #pressed(event) {
    const move = KEYS[event.key]
    if (!move || this.selected === null || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const node = this.#graph.nodes.get(this.selected)
    const open = this.#expanded.has(node.id) && node.children.length > 0
    if (event.key === "ArrowRight" && !open && node.children.length) return this.#toggle(node.id, true)
    if (event.key === "ArrowLeft" && open) return this.#toggle(node.id, false)
    const shown = [...this.#container.querySelectorAll("li")].filter((row) => row.checkVisibility()).map((row) => row.dataset.id)
    const next = move(node, shown, shown.indexOf(node.id))
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
