/** The selected node: its properties by its type, and what can be done with it. */

import { $, element, write } from "../elements.js"
import { field, read, show } from "./field.js"

const AT_MOST = 200 // parents to choose from

export class Detail {
  #graph
  #schema
  #act
  #node = null
  #fields = new Map() // property id -> its input
  #link

  /** `act` has what can be done: set, add, addRoot, remove, link, unlink. */
  constructor(graph, act) {
    this.#graph = graph
    this.#act = act
  }

  /** What is being typed stays where it is the same node as before. */
  show(id, schema) {
    const same = this.#node !== null && this.#node.id === id && this.#schema === schema
    this.#schema = schema
    this.#node = this.#graph.nodes.get(id) ?? null
    if (same && this.#node) return this.update()
    this.#build()
  }

  /** A form for a root. */
  showNew(schema) {
    this.#node = null
    write($("detail-title"), "A new root")
    write($("detail-type"), "")
    const form = adding(schema, null, this.#act.addRoot)
    $("detail").replaceChildren(form)
    form.elements.name.focus()
  }

  #build() {
    const schema = this.#schema
    this.#fields.clear()
    write($("detail-title"), this.#node?.name ?? "No node")
    write($("detail-type"), this.#node ? schema.typeName(this.#node.type) : "")
    $("detail").replaceChildren(...(this.#node ? this.#parts() : [element("p", { className: "quiet" }, "Select a node.")]))
    this.update()
  }

  /** The graph has changed. What is being typed stays. */
  update() {
    if (!this.#node) return
    const { properties } = this.#node
    if (this.#schema.free && Object.keys(properties).some((property) => !this.#fields.has(property))) return this.#build()
    for (const [property, input] of this.#fields) if (document.activeElement !== input) show(input, properties[property])
    this.#updateLinks()
  }

  focusNew() {
    $("detail").querySelector(".add input[name=name]")?.focus()
  }

  #parts() {
    const properties = this.#schema.free ? Object.keys(this.#node.properties).map(untyped) : this.#schema.properties(this.#node.type)
    const form = element("form", { className: "fields", onsubmit: (submit) => submit.preventDefault() }, ...properties.map((one) => this.#field(one)))
    return [form, this.#schema.free && this.#newProperty(), this.#newChild(), this.#links()].filter(Boolean)
  }

  #field(property) {
    const input = field(property)
    const { id } = this.#node
    input.onchange = async () => {
      const value = read(input, property)
      const taken = await this.#act.set(id, property.id, value)
      if (!taken) show(input, this.#graph.nodes.get(id)?.properties[property.id])
    }
    input.onblur = () => this.#node?.id === id && input.matches(":not(:focus)") && setTimeout(() => this.update())
    this.#fields.set(property.id, input)
    const caption = element("span", {}, property.name, property.required && element("span", { title: "required" }, " *"))
    return element("label", { className: property.type === "boolean" ? "check" : "" }, caption, input)
  }

  #newProperty() {
    const { id } = this.#node
    const name = element("input", { name: "property", placeholder: "property", "aria-label": "New property", required: true, maxLength: 200 })
    const value = element("input", { name: "value", placeholder: "value", "aria-label": "Its value" })
    const form = element("form", { className: "line" }, grow(name), grow(value), element("button", {}, "Set"))
    form.onsubmit = async (submit) => {
      submit.preventDefault()
      if (await this.#act.set(id, name.value, value.value)) form.reset()
    }
    return form
  }

  #newChild() {
    const { id, type } = this.#node
    return adding(this.#schema, type, (chosen, name) => this.#act.add(id, chosen, name))
  }

  #links() {
    const { id } = this.#node
    const unlink = element("button", { type: "button", className: "unlink plain" }, "Make it a root")
    unlink.onclick = () => this.#act.unlink(this.#graph.nodes.get(id).parent, id)
    const remove = element("button", { type: "button", className: "plain danger", title: "Delete" }, "Delete")
    remove.onclick = () => this.#act.remove(id)
    this.#link = element("select", { "aria-label": "Put under" })
    this.#link.onchange = () => this.#act.link(this.#link.value, id)
    return element("div", { className: "line links" }, this.#link, unlink, remove)
  }

  #updateLinks() {
    const { id, type, parent } = this.#node
    const parents = parent === null ? this.#parentsFor(id, type) : []
    const options = [["", "Put under …"], ...parents.map((one) => [one.id, one.name])]
    this.#link.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)))
    this.#link.hidden = parents.length === 0
    $("detail").querySelector(".unlink").hidden = parent === null
  }

  #parentsFor(id, type) {
    const types = new Map() // whether a node of the type may be a parent: asked once, however big the graph is
    const parents = []
    for (const node of this.#graph.nodes.values()) {
      if (!types.has(node.type)) types.set(node.type, this.#schema.allows(node.type, type))
      if (types.get(node.type) && !this.#graph.ancestry(node.id).includes(id)) parents.push(node)
      if (parents.length === AT_MOST) break
    }
    return parents
  }
}

const untyped = (id) => ({ id, name: id, type: "any" })
const grow = (child) => element("div", { className: "grow" }, child)

/** A form for a new node under one of type `under`, or for a root; null where nothing may be there. */
export function adding(schema, under, add) {
  const types = schema.allowed(under)
  if (!schema.free && types.length === 0) return null
  const type = schema.free
    ? element("input", { name: "type", value: "task", "aria-label": "Type", required: true, maxLength: 200 })
    : element("select", { name: "type", "aria-label": "Type" }, ...types.map(([value, text]) => element("option", { value }, text)))
  const label = under === null ? "Name of the new root" : "Name of the new child"
  const name = element("input", { name: "name", placeholder: "Name", "aria-label": label, autocomplete: "off", required: true, maxLength: 1000 })
  const form = element("form", { className: "line add" }, type, grow(name), element("button", { className: "primary" }, "Add"))
  form.onsubmit = async (submit) => {
    submit.preventDefault()
    if (await add(type.value, name.value)) name.value = ""
  }
  return form
}
