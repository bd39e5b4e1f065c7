/** What an event says, in words. */

/** Asked before the graph has taken the event in, so that what goes still has its name. */
export function story(event, payload, graph, schema) {
  const name = (id) => `“${graph.nodes.get(id)?.name ?? "a node"}”`
  return (STORIES[event] ?? (() => event))(payload, { name, graph, schema })
}

const STORIES = {
  "session-connected": ({ active_clients: count }) => `somebody came, ${count} here`,
  "session-disconnected": ({ active_clients: count }) => `somebody left, ${count} here`,
  "session-closed": () => "the session was closed",
  "command-executing": ({ command_type: type }) => `${type} …`,
  "command-executed": ({ success, error }) => (success ? "done" : `refused: ${error?.message}`),
  "node-created": ({ type, name, parent_id: parent }, about) => `created ${type} “${name}”${parent ? ` under ${about.name(parent)}` : ""}`,
  "node-deleted": ({ node_id: id }, { name }) => `deleted ${name(id)}`,
  "node-linked": ({ parent_id: parent, child_id: child }, { name }) => `put ${name(child)} under ${name(parent)}`,
  "node-unlinked": ({ parent_id: parent, child_id: child }, { name }) => `took ${name(child)} away from ${name(parent)}`,
  "property-changed"({ node_id: id, property_id: property, old_value: old, new_value: value }, { name, graph, schema }) {
    const type = graph.nodes.get(id)?.type
    const was = old === null || old === "" ? "" : ` (was ${schema.value(type, property, old)})`
    return `set ${schema.propertyName(type, property)} of ${name(id)} to ${schema.value(type, property, value) || "nothing"}${was}`
  },
  "property-deleted": ({ node_id: id, property_id: property }, { name }) => `took ${property} from ${name(id)}`,
  "graph-changed": () => "changed a great deal",
  undo: () => "undone",
  redo: () => "redone",
  "project-created": () => "began a project",
  "project-loaded": () => "loaded a project",
  "template-loaded": () => "changed the template",
}
