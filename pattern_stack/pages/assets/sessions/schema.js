/** What a session's template says of types; without one, what the graph has. */

import { api } from "../rest.js"

const read = new Map() // by template: the same for as long as the page is there

export class Schema {
  #types

  /** `types` is null without a template. */
  constructor(types) {
    this.#types = types
  }

  static async of(template) {
    if (!template) return FREE
    if (!read.has(template)) read.set(template, new Schema(await typesOf(template)))
    return read.get(template)
  }

  /** Whether types may be named freely. */
  get free() {
    return this.#types === null
  }

  typeName(id) {
    return this.#types?.get(id)?.name ?? id
  }

  properties(type) {
    return this.#types?.get(type)?.properties ?? []
  }

  /** `[id, name]` of what may be under a node of this type; null for a root. */
  allowed(type) {
    const ids = type === null ? [...(this.#types?.keys() ?? [])] : (this.#types?.get(type)?.allowed_children ?? [])
    return ids.map((id) => [id, this.typeName(id)])
  }

  allows(parent, child) {
    return this.free || this.allowed(parent).some(([id]) => id === child)
  }

  /** { name, indicator_id } of a node's status; null where it has none. */
  status(node) {
    const value = node.properties.status
    if (value === undefined || value === null) return null
    const options = this.properties(node.type).find(({ id }) => id === "status")?.options ?? []
    return options.find(({ id }) => id === value) ?? { name: this.word(value), indicator_id: null }
  }

  propertyName(type, property) {
    return this.properties(type).find(({ id }) => id === property)?.name ?? property
  }

  /** A property's value in words. */
  value(type, property, value) {
    const options = this.properties(type).find(({ id }) => id === property)?.options
    return options?.find(({ id }) => id === value)?.name ?? this.word(value)
  }

  word(value) {
    if (value === null || value === undefined) return "nothing"
    return typeof value === "string" ? value : JSON.stringify(value)
  }
}

export const FREE = new Schema(null)

async function typesOf(template) {
  const { node_types: types } = await api.get(`templates/${encodeURIComponent(template)}/schema`)
  return new Map(types.map((type) => [type.id, type]))
}
