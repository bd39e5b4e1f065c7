/** What operators watch: the runs that this page follows, alerts to resolve, notifications to acknowledge. */

import { Connection } from "../connection.js"
import { $, fill } from "../elements.js"
import { api } from "../rest.js"
import { showState } from "../state.js"
import { attempt, toast } from "../toasts.js"
import { Alerts } from "./alerts.js"
import { offerDemonstration } from "./demonstration.js"
import { Feed } from "./feed.js"
import { Records } from "./records.js"
import { Runs } from "./runs.js"
import { Status } from "./status.js"

const EVERYBODY = "notifications"
const LOUD = ["high", "critical"]

const notifications = new Records("acknowledged")
const alerts = new Records("resolved")
const runs = new Runs()
const status = new Status()
const views = [new Feed(notifications, runs), new Alerts(alerts, runs), runs]
const connection = new Connection(showState($("state")))

// -- hearing

const HEAR = {
  notification(one) {
    if (notifications.put(one, true)) toast(one.type, one.title, one.message)
  },
  "notification-acknowledged": ({ id }) => notifications.settle(id),
  alert(one) {
    if (alerts.put(one, true) && LOUD.includes(one.severity)) toast(one.severity, one.title, one.description)
  },
  "alert-resolved": (one) => alerts.settle(one.id),
  "system-status": (one) => status.show(one),
  "progress-update": (progress) => runs.report(progress.session_id, { progress }),
  snapshot: ({ session_id, progress, run }) => runs.report(session_id, { progress, run }),
}
for (const how of ["started", "completed", "failed", "cancelled"]) HEAR[`session-${how}`] = (run) => runs.report(run.session_id, { run })

function hear({ event, payload }) {
  HEAR[event]?.(payload)
  if (event.startsWith("notification") || event.startsWith("alert") || event.startsWith("session-")) status.ask()
  show()
}

function follow(channel) {
  connection.follow(channel, { event: hear, joined: read, reset: read, refused: ({ message }) => toast("error", channel, message) })
}

// -- reading what was there before

let reading = null
let again = false

/** One at a time; asked for meanwhile, once more. */
async function read() {
  if (reading) {
    again = true
    return
  }
  const forgets = [notifications.read(), alerts.read()]
  reading = Promise.all([list("notifications", notifications), list("alerts", alerts), list("alerts", alerts, "resolved=false&")])
  try {
    await reading
    for (const forget of forgets) forget()
    status.ask()
  } catch {
    again ||= connection.follows(EVERYBODY) // the connection will tell, or it works next time
    await new Promise((resolve) => setTimeout(resolve, 2_000))
  }
  reading = null
  show()
  if (again) {
    again = false
    read()
  }
}

/** Of everybody and of every run: those of runs that are not watched say which others there are. */
async function list(kind, records, query = "") {
  const paths = ["", ...runs.watched.map((id) => `session_id=${encodeURIComponent(id)}&`)].map((of) => `${kind}?${query}${of}limit=100`)
  const lists = await Promise.all(paths.map((path) => api.get(path)))
  for (const one of lists.flatMap((answer) => answer[kind])) records.put(one)
}

// -- the runs that are watched stand in the address, so that it can be kept and handed on

function watched() {
  const named = location.hash.slice(1).split(",").filter(Boolean).map(decodeURIComponent)
  return [...new Set(named)].filter((id) => /^[A-Za-z0-9_\-.:@]{1,180}$/.test(id))
}

function watch(id) {
  if (!runs.watched.includes(id)) location.hash = [...runs.watched, id].map(encodeURIComponent).join(",")
}

function unwatch(id) {
  location.hash = runs.watched.filter((one) => one !== id).map(encodeURIComponent).join(",")
}

function takeAddress() {
  const wanted = watched()
  for (const id of runs.watched.filter((id) => !wanted.includes(id))) connection.leave(`${EVERYBODY}:${id}`)
  const added = wanted.filter((id) => !runs.watched.includes(id))
  runs.watch(wanted)
  for (const id of added) follow(`${EVERYBODY}:${id}`)
  show()
}

// -- showing

let due = false

/** At most once a frame, however fast it is reported; seldom where nobody looks, but there too: the title tells. */
function show() {
  if (due) return
  due = true
  const soon = document.hidden ? setTimeout : requestAnimationFrame
  soon(() => {
    due = false
    for (const view of views) view.show()
    document.title = views.some((view) => view.waiting) ? "● Notifications" : "Notifications"
    offer()
  })
}

function offer() {
  const heard = new Set([...notifications.list(), ...alerts.list()].map((one) => one.session_id ?? one.metadata.run))
  const others = [...heard].filter((id) => typeof id === "string" && !runs.watched.includes(id)).sort()
  fill($("heard"), others, { key: (id) => id, make: (value) => Object.assign(document.createElement("option"), { value }) })
  runs.offer(others)
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-watch], [data-unwatch]")
  if (button?.dataset.watch) watch(button.dataset.watch)
  if (button?.dataset.unwatch) unwatch(button.dataset.unwatch)
})
$("watch").onsubmit = (submit) => {
  submit.preventDefault()
  watch(submit.target.session.value)
  submit.target.reset()
}
addEventListener("hashchange", takeAddress)
for (const view of views) view.changed = show

takeAddress()
follow(EVERYBODY)
offerDemonstration(watch, attempt)
$("demonstration").open = runs.watched.length === 0
