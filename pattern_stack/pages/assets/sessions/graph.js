/** A session's graph: a snapshot with the events after it applied. */

export class Graph {
  nodes = new Map() // id -> { id, type, name, properties, parent, children }; parent and children are ids
  roots = []

  replace({ roots }) {
    this.nodes.clear()
    const add = (node, parent) => {
      const { id, blueprint_type_id: type, name, properties, children } = node
      this.nodes.set(id, { id, type, name, properties: { ...properties }, parent, children: children.map((child) => child.id) })
      for (const child of children) add(child, id)
    }
    this.roots = roots.map((root) => root.id)
    for (const root of roots) add(root, null)
  }

  siblings(parent) {
    return parent === null ? this.roots : (this.nodes.get(parent)?.children ?? [])
  }

  /** The ids from the node up to its root. */
  ancestry(id) {
    const ids = []
    for (let node = this.nodes.get(id); node; node = this.nodes.get(node.parent)) ids.push(node.id)
    return ids
  }

  /** Applies an event. Returns the id of the node that it changes, or undefined. */
  apply(event, payload) {
    return CHANGES[event]?.(this, payload)
  }

  move(id, parent, index) {
    const node = this.nodes.get(id)
    const from = this.siblings(node.parent)
    from.splice(from.indexOf(id), 1)
    node.parent = parent
    this.siblings(parent).splice(index, 0, id)
    return id
  }
}

const CHANGES = {
  "node-created"(graph, { node_id: id, parent_id: parent, node, index }) {
    const { blueprint_type_id: type, name, properties } = node
    graph.nodes.set(id, { id, type, name, properties: { ...properties }, parent, children: [] })
    graph.siblings(parent).splice(index, 0, id)
    return id
  },
  "node-deleted"(graph, { node_id: id }) {
    const siblings = graph.siblings(graph.nodes.get(id).parent)
    siblings.splice(siblings.indexOf(id), 1)
    graph.nodes.delete(id)
    return id
  },
  "node-linked": (graph, { parent_id: parent, child_id: child, index }) => graph.move(child, parent, index),
  "node-unlinked": (graph, { child_id: child, index }) => graph.move(child, null, index),
  "property-changed"(graph, { node_id: id, property_id: property, new_value: value }) {
    graph.nodes.get(id).properties[property] = value
    return id
  },
  "property-deleted"(graph, { node_id: id, property_id: property }) {
    delete graph.nodes.get(id).properties[property]
    return id
  },
}
