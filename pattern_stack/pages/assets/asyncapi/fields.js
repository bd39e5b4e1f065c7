/** The fields that a JSON Schema describes, one row for each, down to a depth. */

const DEEPEST = 5

export function resolved(schema, schemas) {
  const name = schema?.$ref?.split("/").at(-1)
  if (name) return schemas[name] ?? {}
  return schema?.allOf?.length === 1 ? { ...resolved(schema.allOf[0], schemas), ...without(schema, "allOf") } : (schema ?? {})
}

function without(schema, name) {
  return Object.fromEntries(Object.entries(schema).filter(([other]) => other !== name))
}

/** The type in words: `integer`, `string (date-time) or null`. */
export function typeOf(schema, schemas) {
  const one = resolved(schema, schemas)
  if ("const" in one) return JSON.stringify(one.const)
  if (one.enum) return one.enum.map((value) => JSON.stringify(value)).join(" | ")
  const choices = one.anyOf ?? one.oneOf
  if (choices) return choices.map((choice) => typeOf(choice, schemas)).join(" or ")
  if (one.type === "array") return Array.isArray(one.items) ? "tuple" : `list of ${typeOf(one.items, schemas)}`
  if (one.type === "object") return one.title ?? "object"
  const types = Array.isArray(one.type) ? one.type.join(" or ") : (one.type ?? "any")
  return one.format ? `${types} (${one.format})` : types
}

/** Rows of [path, type, description]. */
export function fields(schema, schemas, path = "", depth = 0, seen = []) {
  const one = resolved(schema, schemas)
  if (depth > DEEPEST || seen.includes(one)) return []
  const inside = [...seen, one]
  const choices = one.anyOf ?? one.oneOf ?? []
  const rows = choices.flatMap((choice) => fields(choice, schemas, path, depth + 1, inside))
  if (one.type === "array" && one.items && !Array.isArray(one.items)) rows.push(...fields(one.items, schemas, `${path}[]`, depth + 1, inside))
  if (one.additionalProperties?.constructor === Object) rows.push(...fields(one.additionalProperties, schemas, `${path}{}`, depth + 1, inside))
  for (const [name, its] of Object.entries(one.properties ?? {})) {
    const at = path ? `${path}.${name}` : name
    const needed = one.required?.includes(name) ? "" : ", optional"
    rows.push([at, typeOf(its, schemas) + needed, its.description ?? ""])
    rows.push(...fields(its, schemas, at, depth + 1, inside))
  }
  return unique(rows)
}

/** The members of a union share some of their fields. */
function unique(rows) {
  return [...new Map(rows.map((row) => [row.join("\0"), row])).values()]
}
