/** The node types of a session's template. Without a template, nodes may have any type. */

import { api } from "../rest.js"

const schemas = new Map() // by template id; templates do not change while the page is open

export class Schema {
  #types

  /** `types` is null without a template. */
  constructor(types) {
    this.#types = types
  }

  static async of(template) {
    if (!template) return FREE
    if (!schemas.has(template)) schemas.set(template, new Schema(await readTypes(template)))
    return schemas.get(template)
  }

  /** Whether nodes may have any type. */
  get free() {
    return this.#types === null
  }

  typeName(id) {
    return this.#types?.get(id)?.name ?? id
  }

  properties(type) {
    return this.#types?.get(type)?.properties ?? []
  }

  /** The types that children of this type may have, as `[id, name]`. `type` is null for roots. */
  allowed(type) {
    const ids = type === null ? [...(this.#types?.keys() ?? [])] : (this.#types?.get(type)?.allowed_children ?? [])
    return ids.map((id) => [id, this.typeName(id)])
  }

  allows(parent, child) {
    return this.free || this.allowed(parent).some(([id]) => id === child)
  }

  /** A node's status as { name, indicator_id }; null if it has none. */
  status(node) {
    const value = node.properties.status
    if (value === undefined || value === null) return null
    const options = this.properties(node.type).find(({ id }) => id === "status")?.options ?? []
    return options.find(({ id }) => id === value) ?? { name: this.#text(value), indicator_id: null }
  }

  propertyName(type, property) {
    return this.properties(type).find(({ id }) => id === property)?.name ?? property
  }

  /** A property's value as text. */
  valueText(type, property, value) {
    const options = this.properties(type).find(({ id }) => id === property)?.options
    return options?.find(({ id }) => id === value)?.name ?? this.#text(value)
  }

  #text(value) {
    if (value === null || value === undefined) return "nothing"
    return typeof value === "string" ? value : JSON.stringify(value)
  }
}

export const FREE = new Schema(null)

async function readTypes(template) {
  const { node_types: types } = await api.get(`templates/${encodeURIComponent(template)}/schema`)
  return new Map(types.map((type) => [type.id, type]))
}
