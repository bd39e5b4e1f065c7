/** One session: its channel, its graph, and what can be done with it. */

import { $, clock, element, write } from "../elements.js"
import { Log } from "../log.js"
import { api, speakAs } from "../rest.js"
import { attempt } from "../toasts.js"
import { Detail } from "./detail.js"
import { Graph } from "./graph.js"
import { chip, People } from "./people.js"
import { FREE, Schema } from "./schema.js"
import { story } from "./story.js"
import { Tree } from "./tree.js"

const ANEW = ["graph-changed", "project-created", "project-loaded", "template-loaded"] // after these a snapshot has to tell
const STEPS = ["command-executed", "undo", "redo"] // after these there may be something else to undo

export class Session {
  id = null
  project = null
  #connection
  #lost
  #graph = new Graph()
  #schema = FREE
  #log = new Log($("events"), $("events-empty"))
  #people = new People($("here"))
  #detail = new Detail(this.#graph, this.#acts())
  #tree = new Tree($("tree"), this.#graph, (id) => this.#detail.show(id, this.#schema))
  #mine = new Set() // ids of the connections that this page has had: the origins of its own doings
  #stale = true // whether the graph has to be taken from a snapshot
  #waiting = null // events, while the template is read that the snapshot names
  #asking = null

  /** `lost(why)` is called when the session is not there any more. */
  constructor(connection, lost) {
    this.#connection = connection
    this.#lost = lost
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
    $("add-root").disabled = true // until its types are known
    this.#connection.follow(this.#channel, {
      event: (event) => this.#hear(event),
      recovered: () => this.#connection.refresh(this.#channel), // it tells who this page is now
      reset: (amid) => {
        this.#note("continuity was lost: what is shown was read anew")
        this.#stale = true
        if (amid) this.#refresh()
      },
      refused: ({ code }) => this.#end(["not_found", "invalid_channel"].includes(code) ? this.#missing : `That session cannot be opened: ${code}`),
      ended: () => this.#end("The session was closed."),
    })
  }

  leave() {
    if (this.id !== null) this.#connection.leave(this.#channel)
    this.id = null
    this.#log.clear()
    this.#graph.replace({ roots: [] })
    this.#tree.clear()
    for (const shown of ["node-count", "title", "position"]) write($(shown), "")
    this.#people.forget()
  }

  get #channel() {
    return `session:${this.id}`
  }

  get #missing() {
    return this.project ? "The session has gone. Its project is there, as it was saved last." : "That session is not there."
  }

  #end(why) {
    const { id, project } = this
    this.leave()
    this.#lost(why, id, project)
  }

  #refresh() {
    this.#stale = true
    this.#connection.refresh(this.#channel)
  }

  // -- hearing

  #hear(event) {
    if (event.event === "snapshot") this.#meet(event)
    else if (this.#waiting) this.#waiting.push(event)
    else this.#take(event)
  }

  #meet({ payload: { session, graph, connection_id: me }, offset }) {
    this.#mine.add(me)
    speakAs(me)
    this.#people.begin(session.active_clients, me)
    this.#told(session)
    if (this.#stale) this.#begin(session, graph, offset)
  }

  async #begin(session, graph, offset) {
    const waiting = (this.#waiting = [])
    const schema = await Schema.of(session.template_id).catch(() => FREE)
    if (this.#waiting !== waiting || session.session_id !== this.id) return // a later one came, or the page went elsewhere
    this.#waiting = null
    this.#stale = false
    this.#schema = schema
    this.#graph.replace(graph)
    $("add-root").disabled = false
    this.#rebuild()
    write($("position"), `from ${offset}`)
    for (const event of waiting) this.#take(event)
  }

  #take({ event, payload, offset, timestamp, origin: by }) {
    const mine = this.#mine.has(by)
    this.#write(event, payload, offset, timestamp, by)
    if (event.startsWith("session-")) return this.#people.hear(event, payload)
    if (ANEW.includes(event)) this.#refresh()
    if (!this.#stale) this.#change(event, payload, mine)
    if (STEPS.includes(event)) this.#ask()
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

  #write(event, payload, offset, timestamp, by) {
    const text = story(event, payload, this.#graph, this.#schema)
    const faint = event === "command-executing" || (event === "command-executed" && payload.success)
    const who = by ? chip(this.#mine.has(by) ? "you" : by) : ""
    const what = element("div", { title: `${event}, ${clock(timestamp)}` }, text, " ", element("code", { className: "quiet" }, event))
    this.#log.add([String(offset), who, what], faint ? "faint" : "")
    write($("position"), `at ${offset}`)
  }

  #note(text) {
    this.#log.add(["", "", text], "note")
  }

  /** What the events do not tell: whether there is something to undo. Asked once more where it changes meanwhile. */
  async #ask() {
    if (this.#asking) return void (this.#asking.again = true)
    const asking = (this.#asking = { again: false })
    const { id } = this
    const session = await api.get(`sessions/${id}/info`).catch(() => null)
    this.#asking = null
    if (asking.again && this.id !== null) return void this.#ask()
    if (id === this.id && session) this.#told(session)
  }

  #told({ project_id: project, undo_available: undo, redo_available: redo }) {
    this.project = project
    $("undo").disabled = !undo
    $("redo").disabled = !redo
    $("save").hidden = !project
  }

  // -- doing

  #acts() {
    const nodes = (rest) => `sessions/${this.id}/nodes${rest}`
    const act = (work) => (...values) => attempt(() => work(...values))
    return {
      set: act((id, property, value) => api.post(nodes(`/${id}/properties`), { property_id: property, value })),
      add: act((parent, type, name) => api.post(nodes(`/${parent}/children`), { blueprint_type_id: type, name })),
      addRoot: act((type, name) => api.post(nodes(""), { blueprint_type_id: type, name })),
      remove: act((id) => api.delete(nodes(`/${id}`))),
      link: act((parent, id) => api.post(nodes(`/${parent}/links`), { child_id: id })),
      unlink: act((parent, id) => api.delete(nodes(`/${parent}/links/${id}`))),
    }
  }

  #step(way) {
    attempt(() => api.post(`sessions/${this.id}/${way}?graph=false`))
  }

  async #save() {
    await api.post(`projects/${this.project}/save`)
    write($("save"), "Saved")
    setTimeout(() => write($("save"), "Save project"), 2_000)
  }

  #close() {
    if ($("close").textContent === "Close session") return write($("close"), "Close it for everybody?")
    attempt(() => api.delete(`sessions/${this.id}`))
  }

  #pressed(event) {
    if (this.id === null || event.target.closest("input, select, textarea")) return
    const inTree = $("tree").contains(event.target)
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.#step(event.shiftKey ? "redo" : "undo")
    else if (inTree && event.key === "Delete" && this.#tree.selected) this.#acts().remove(this.#tree.selected)
    else if (inTree && ["Enter", "+"].includes(event.key)) this.#detail.focusNew()
    else return
    event.preventDefault()
  }
}
