/** Events as text. */

/** Describes an event. Called before the event is applied to the graph, so that a deleted node still has its name. */
export function describe(event, payload, graph, schema) {
  const name = (id) => `“${graph.nodes.get(id)?.name ?? "a node"}”`
  return (TEXTS[event] ?? (() => event))(payload, { name, graph, schema })
}

const TEXTS = {
  "session-connected": ({ active_clients: count }) => `a client joined, ${count} here`,
  "session-disconnected": ({ active_clients: count }) => `a client left, ${count} here`,
  "session-moved": ({ instance }) => `the instance ${instance} owns the session now`,
  "session-closed": () => "the session was closed",
  "command-executing": ({ command_type: type }) => `${type} …`,
  "command-executed": ({ success, error }) => (success ? "done" : `refused: ${error?.message}`),
  "node-created": ({ type, name, parent_id: parent }, context) => `created ${type} “${name}”${parent ? ` under ${context.name(parent)}` : ""}`,
  "node-deleted": ({ node_id: id }, { name }) => `deleted ${name(id)}`,
  "node-linked": ({ parent_id: parent, child_id: child }, { name }) => `moved ${name(child)} under ${name(parent)}`,
  "node-unlinked": ({ parent_id: parent, child_id: child }, { name }) => `removed ${name(child)} from ${name(parent)}`,
  "property-changed"({ node_id: id, property_id: property, old_value: old, new_value: value }, { name, graph, schema }) {
    const type = graph.nodes.get(id)?.type
    const was = old === null || old === "" ? "" : ` (was ${schema.valueText(type, property, old)})`
    return `set ${schema.propertyName(type, property)} of ${name(id)} to ${schema.valueText(type, property, value) || "nothing"}${was}`
  },
  "property-deleted": ({ node_id: id, property_id: property }, { name }) => `removed ${property} from ${name(id)}`,
  "graph-changed": () => "changed many nodes",
  undo: () => "undone",
  redo: () => "redone",
  "project-created": () => "created a project",
  "project-loaded": () => "loaded a project",
  "template-loaded": () => "changed the template",
}
