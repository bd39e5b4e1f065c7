/** The selected node: a form for its properties, and its actions. */

import { $, element, write } from "../elements.js"
import { createField, getValue, setValue } from "./field.js"

const MAX_PARENTS = 200 // offered for a root

export class Detail {
  #graph
  #schema
  #actions
  #node = null
  #fields = new Map() // property id -> its input
  #parentSelect

  /** `actions` has the functions set, add, addRoot, remove, link and unlink. */
  constructor(graph, actions) {
    this.#graph = graph
    this.#actions = actions
  }

  /** Shows a node. If it is shown already, unsaved input stays. */
  show(id, schema) {
    const same = this.#node !== null && this.#node.id === id && this.#schema === schema
    this.#schema = schema
    this.#node = this.#graph.nodes.get(id) ?? null
    if (same && this.#node) return this.update()
    this.#build()
  }

  /** Shows the form for a new root. */
  showNew(schema) {
    this.#node = null
    write($("detail-title"), "A new root")
    write($("detail-type"), "")
    const form = newNodeForm(schema, null, this.#actions.addRoot)
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

  /** Shows the node's current properties. The field with the focus keeps its input. */
  update() {
    if (!this.#node) return
    const { properties } = this.#node
    if (this.#schema.free && Object.keys(properties).some((property) => !this.#fields.has(property))) return this.#build()
    for (const [property, input] of this.#fields) if (document.activeElement !== input) setValue(input, properties[property])
    this.#updateParents()
  }

  focusNew() {
    $("detail").querySelector(".add input[name=name]")?.focus()
  }

  #parts() {
    const properties = this.#schema.free ? Object.keys(this.#node.properties).map(untypedProperty) : this.#schema.properties(this.#node.type)
    const form = element("form", { className: "fields", onsubmit: (submit) => submit.preventDefault() }, ...properties.map((one) => this.#field(one)))
    return [form, this.#schema.free && this.#newProperty(), this.#newChild(), this.#linkActions()].filter(Boolean)
  }

  #field(property) {
    const input = createField(property)
    const { id } = this.#node
    input.onchange = async () => {
      const succeeded = await this.#actions.set(id, property.id, getValue(input, property))
      if (!succeeded) setValue(input, this.#graph.nodes.get(id)?.properties[property.id])
    }
    input.onblur = () => this.#node?.id === id && input.matches(":not(:focus)") && setTimeout(() => this.update())
    this.#fields.set(property.id, input)
    const caption = element("span", {}, property.name, property.required && element("span", { title: "required" }, " *"))
    return element("label", { className: property.type === "boolean" ? "check" : "" }, caption, input)
  }

  #newProperty() {
    const { id } = this.#node
    const name = element("input", { name: "property", placeholder: "property", "aria-label": "Name of the new property", required: true, maxLength: 200 })
    const value = element("input", { name: "value", placeholder: "value", "aria-label": "Value of the new property" })
    const form = element("form", { className: "line" }, grow(name), grow(value), element("button", {}, "Set"))
    form.onsubmit = async (submit) => {
      submit.preventDefault()
      if (await this.#actions.set(id, name.value, value.value)) form.reset()
    }
    return form
  }

  #newChild() {
    const { id, type } = this.#node
    return newNodeForm(this.#schema, type, (chosen, name) => this.#actions.add(id, chosen, name))
  }

  #linkActions() {
    const { id } = this.#node
    const unlink = element("button", { type: "button", className: "unlink plain" }, "Make a root")
    unlink.onclick = () => this.#actions.unlink(this.#graph.nodes.get(id).parent, id)
    const remove = element("button", { type: "button", className: "plain danger", title: "Delete" }, "Delete")
    remove.onclick = () => this.#actions.remove(id)
    this.#parentSelect = element("select", { "aria-label": "Move under" })
    this.#parentSelect.onchange = () => this.#actions.link(this.#parentSelect.value, id)
    return element("div", { className: "line links" }, this.#parentSelect, unlink, remove)
  }

  #updateParents() {
    const { id, type, parent } = this.#node
    const parents = parent === null ? this.#parentsFor(id, type) : []
    const options = [["", "Move under …"], ...parents.map((one) => [one.id, one.name])]
    this.#parentSelect.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)))
    this.#parentSelect.hidden = parents.length === 0
    $("detail").querySelector(".unlink").hidden = parent === null
  }

  #parentsFor(id, type) {
    const allowed = new Map() // node type -> whether it may be a parent; computed once per type, for big graphs
    const parents = []
    for (const node of this.#graph.nodes.values()) {
      if (!allowed.has(node.type)) allowed.set(node.type, this.#schema.allows(node.type, type))
      if (allowed.get(node.type) && !this.#graph.ancestry(node.id).includes(id)) parents.push(node)
      if (parents.length === MAX_PARENTS) break
    }
    return parents
  }
}

const untypedProperty = (id) => ({ id, name: id, type: "any" })
const grow = (child) => element("div", { className: "grow" }, child)

/** The form for a new child of a node of type `under`, or for a new root if `under` is null. Null if no type is allowed there. */
export function newNodeForm(schema, under, add) {
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
