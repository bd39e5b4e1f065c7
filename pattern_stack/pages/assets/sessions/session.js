/** One session: its channel, its graph, and the actions on it. */

import { $, clock, element, write } from "../elements.js"
import { Log } from "../log.js"
import { api, setOrigin } from "../rest.js"
import { attempt } from "../toasts.js"
import { Cursors } from "./cursors.js"
import { describe } from "./describe.js"
import { Detail } from "./detail.js"
import { Graph } from "./graph.js"
import { chip, People } from "./people.js"
import { FREE, Schema } from "./schema.js"
import { Tree } from "./tree.js"

const NEEDS_SNAPSHOT = ["graph-changed", "project-created", "project-loaded", "template-loaded"] // these do not say what changed
const CHANGES_UNDO = ["command-executed", "undo", "redo"] // after these, undo and redo may be available or not

export class Session {
  id = null
  project = null
  #client
  #onEnd
  #unsubscribe
  #graph = new Graph()
  #schema = FREE
  #log = new Log($("events"), $("events-empty"))
  #people = new People($("here"))
  #detail = new Detail(this.#graph, this.#actions())
  #tree = new Tree($("tree"), this.#graph, (id) => this.#selected(id), () => this.#cursors?.draw())
  #ownIds = new Set() // the connection ids that this page has had: the origins of its own events
  #cursors
  #stale = true // whether the graph has to be replaced by a snapshot
  #queue = null // events that arrive while the snapshot's template is read
  #infoRequest = null

  /** `onEnd(reason, id, project)` is called when the open session ends or is refused. */
  constructor(client, onEnd) {
    this.#client = client
    this.#onEnd = onEnd
    this.#cursors = new Cursors(client, $("tree"), $("detail"), this.#ownIds)
    client.onStateChange((state) => state === "connected" && this.#updateOwnId())
    client.onReset((channel) => channel === this.#channel && this.#reset())
    client.onError((error) => error.channel === this.#channel && !error.temporary && this.#end(this.#reason(error)))
    $("undo").onclick = () => this.#step("undo")
    $("redo").onclick = () => this.#step("redo")
    $("save").onclick = () => attempt(() => this.#save())
    $("add-root").onclick = () => this.#detail.showNew(this.#schema)
    $("commands").onclick = () => ($("commands").ariaPressed = String($("log").classList.toggle("whole")))
    $("close").onclick = () => this.#close()
    $("close").onblur = () => write($("close"), "Close session")
    document.addEventListener("keydown", (event) => this.#pressed(event))
  }

  open(id) {
    this.leave()
    this.id = id
    this.project = null
    this.#stale = true
    $("add-root").disabled = true // until the types are known
    try {
      this.#unsubscribe = this.#client.subscribe(this.#channel, (event) => this.#receive(event))
      this.#cursors.open(id)
    } catch (error) {
      this.#end(this.#reason(error))
    }
  }

  leave() {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#cursors.leave()
    this.id = null
    this.#log.clear()
    this.#graph.replace({ roots: [] })
    this.#tree.clear()
    for (const id of ["node-count", "title", "position", "instance"]) write($(id), "")
    this.#people.clear()
  }

  /** The channels that this session is subscribed to. */
  get channels() {
    return this.#unsubscribe ? [this.#channel] : []
  }

  get #channel() {
    return `session:${this.id}`
  }

  #reason({ code }) {
    if (code === "ended") return "The session was closed."
    if (code !== "not_found" && code !== "invalid_channel") return `The session cannot be opened: ${code}`
    return this.project ? "The session no longer exists. Its project can be opened as it was last saved." : "There is no such session."
  }

  #end(reason) {
    const { id, project } = this
    this.leave()
    this.#onEnd(reason, id, project)
  }

  #refresh() {
    this.#stale = true
    this.#client.refresh(this.#channel)
  }

  #reset() {
    this.#log.add(["", "", "events were missed: the session was read again"], "note")
    this.#refresh()
  }

  /** A new connection has another id. The page gets it with a snapshot, which a recovered channel does not send by itself. */
  #updateOwnId() {
    if (this.#ownIds.size > 0 && this.#unsubscribe) this.#client.refresh(this.#channel)
  }

  #selected(id) {
    this.#detail.show(id, this.#schema)
    this.#cursors?.select(id)
  }

  // -- events

  #receive(event) {
    if (event.event === "snapshot") this.#applySnapshot(event)
    else if (this.#queue) this.#queue.push(event)
    else this.#apply(event)
  }

  #applySnapshot({ payload: { session, graph, connection_id: ownId }, offset }) {
    this.#ownIds.add(ownId)
    setOrigin(ownId)
    this.#people.update(session.active_clients, ownId)
    this.#showInfo(session)
    if (this.#stale) this.#replaceGraph(session, graph, offset)
  }

  async #replaceGraph(session, graph, offset) {
    const queue = (this.#queue = [])
    const schema = await Schema.of(session.template_id).catch(() => FREE)
    if (this.#queue !== queue || session.session_id !== this.id) return // a later snapshot, or another session
    this.#queue = null
    this.#stale = false
    this.#schema = schema
    this.#graph.replace(graph)
    $("add-root").disabled = false
    this.#rebuild()
    write($("position"), `from ${offset}`)
    for (const event of queue) this.#apply(event)
  }

  #apply({ event, payload, offset, timestamp, origin }) {
    const mine = this.#ownIds.has(origin)
    this.#logEvent(event, payload, offset, timestamp, origin)
    if (event === "session-moved") return this.#showInstance(payload.instance)
    if (event.startsWith("session-")) return this.#people.receive(event, payload)
    if (NEEDS_SNAPSHOT.includes(event)) this.#refresh()
    if (!this.#stale) this.#change(event, payload, mine)
    if (CHANGES_UNDO.includes(event)) this.#readInfo()
  }

  #change(event, payload, mine) {
    const parent = this.#graph.nodes.get(payload.node_id)?.parent
    const id = this.#graph.apply(event, payload)
    if (id === undefined) return
    if (event === "node-deleted") this.#tree.remove(id, parent)
    else if (event.startsWith("property-")) this.#tree.change(id, mine)
    else this.#tree.put(id, mine)
    this.#detail.update()
    this.#count()
  }

  #rebuild() {
    this.#tree.rebuild(this.#schema)
    this.#count()
  }

  #count() {
    const count = this.#graph.nodes.size
    write($("node-count"), count ? `${count} ${count === 1 ? "node" : "nodes"}` : "")
    $("tree-empty").hidden = count > 0
    write($("title"), this.#graph.nodes.get(this.#graph.roots[0])?.name ?? `Session ${this.id.slice(0, 8)}`)
    document.title = `${$("title").textContent} · Sessions`
  }

  #logEvent(event, payload, offset, timestamp, origin) {
    const text = describe(event, payload, this.#graph, this.#schema)
    const minor = event === "command-executing" || (event === "command-executed" && payload.success)
    const who = origin ? chip(this.#ownIds.has(origin) ? "you" : origin) : ""
    const what = element("div", { title: `${event}, ${clock(timestamp)}` }, text, " ", element("code", { className: "quiet" }, event))
    this.#log.add([String(offset), who, what], minor ? "faint" : "")
    write($("position"), `at ${offset}`)
  }

  /** Reads what events do not contain: whether undo and redo are available. Calls during a request cause one more after it. */
  async #readInfo() {
    if (this.#infoRequest) return void (this.#infoRequest.again = true)
    const request = (this.#infoRequest = { again: false })
    const { id } = this
    const session = await api.get(`sessions/${id}/info`).catch(() => null)
    this.#infoRequest = null
    if (request.again && this.id !== null) return void this.#readInfo()
    if (id === this.id && session) this.#showInfo(session)
  }

  #showInfo({ project_id: project, undo_available: undo, redo_available: redo, instance }) {
    this.project = project
    this.#showInstance(instance)
    $("undo").disabled = !undo
    $("redo").disabled = !redo
    $("save").hidden = !project
  }

  #showInstance(instance) {
    write($("instance"), instance ? `on ${instance}` : "")
  }

  // -- actions

  #actions() {
    const nodes = (rest) => `sessions/${this.id}/nodes${rest}`
    const action = (work) => (...values) => attempt(() => work(...values))
    return {
      set: action((id, property, value) => api.post(nodes(`/${id}/properties`), { property_id: property, value })),
      add: action((parent, type, name) => api.post(nodes(`/${parent}/children`), { blueprint_type_id: type, name })),
      addRoot: action((type, name) => api.post(nodes(""), { blueprint_type_id: type, name })),
      remove: action((id) => api.delete(nodes(`/${id}`))),
      link: action((parent, id) => api.post(nodes(`/${parent}/links`), { child_id: id })),
      unlink: action((parent, id) => api.delete(nodes(`/${parent}/links/${id}`))),
    }
  }

  #step(direction) {
    attempt(() => api.post(`sessions/${this.id}/${direction}?graph=false`))
  }

  async #save() {
    await api.post(`projects/${this.project}/save`)
    write($("save"), "Saved")
    setTimeout(() => write($("save"), "Save project"), 2_000)
  }

  #close() {
    if ($("close").textContent === "Close session") return write($("close"), "Close for everyone?")
    attempt(() => api.delete(`sessions/${this.id}`))
  }

  #pressed(event) {
    if (this.id === null || event.target.closest("input, select, textarea")) return
    const inTree = $("tree").contains(event.target)
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.#step(event.shiftKey ? "redo" : "undo")
    else if (inTree && event.key === "Delete" && this.#tree.selected) this.#actions().remove(this.#tree.selected)
    else if (inTree && ["Enter", "+"].includes(event.key)) this.#detail.focusNew()
    else return
    event.preventDefault()
  }
}
