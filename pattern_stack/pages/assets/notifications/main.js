/** The notifications page: the runs that this page watches, open alerts, and notifications to acknowledge. */

import { connect } from "../broadcast.js"
import { $, fill } from "../elements.js"
import { api } from "../rest.js"
import { attempt, toast } from "../toasts.js"
import { Alerts } from "./alerts.js"
import { setUpDemonstration } from "./demonstration.js"
import { Feed } from "./feed.js"
import { Records } from "./records.js"
import { Runs } from "./runs.js"
import { Status } from "./status.js"

const CHANNEL = "notifications" // those of one run are on notifications:RUN
const URGENT = ["high", "critical"]

const notifications = new Records("acknowledged")
const alerts = new Records("resolved")
const runs = new Runs()
const status = new Status()
const views = [new Feed(notifications, runs), new Alerts(alerts, runs), runs]

// -- events

const subscriptions = new Map() // channel -> the function that unsubscribes
const client = connect(() => [...subscriptions.keys()])

client.onJoin(readAll)
client.onReset(readAll)
client.onError(({ message, channel, temporary }) => {
  if (temporary) return
  unsubscribe(channel)
  toast("error", channel ?? "Request refused", message)
})

function subscribe(channel) {
  subscriptions.set(channel, client.subscribe(channel, receive))
}

function unsubscribe(channel) {
  subscriptions.get(channel)?.()
  subscriptions.delete(channel)
}

const HANDLERS = {
  notification(record) {
    if (notifications.put(record, true)) toast(record.type, record.title, record.message)
  },
  "notification-acknowledged": ({ id }) => notifications.settle(id),
  alert(record) {
    if (alerts.put(record, true) && URGENT.includes(record.severity)) toast(record.severity, record.title, record.description)
  },
  "alert-resolved": ({ id }) => alerts.settle(id),
  "system-status": (payload) => status.show(payload),
  "progress-update": (progress) => runs.report(progress.session_id, { progress }),
  snapshot: ({ session_id, progress, run }) => runs.report(session_id, { progress, run }),
}
for (const state of ["started", "completed", "failed", "cancelled"]) HANDLERS[`session-${state}`] = (run) => runs.report(run.session_id, { run })

function receive({ event, payload }) {
  HANDLERS[event]?.(payload)
  if (event.startsWith("notification") || event.startsWith("alert") || event.startsWith("session-")) status.readSoon()
  show()
}

// -- data from before this page was opened

let reading = false
let readAgain = false

/** Reads all lists. Calls during a read cause one more read after it. */
async function readAll() {
  if (reading) {
    readAgain = true
    return
  }
  reading = true
  const forgets = [notifications.startRead(), alerts.startRead()]
  try {
    await Promise.all([read("notifications", notifications), read("alerts", alerts), read("alerts", alerts, "resolved=false&")])
    for (const forget of forgets) forget()
    status.readSoon()
  } catch {
    readAgain ||= subscriptions.has(CHANNEL)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
  }
  reading = false
  show()
  if (readAgain) {
    readAgain = false
    readAll()
  }
}

/** Reads the list of everybody, which also names runs that are not watched, and the list of each watched run. */
async function read(kind, records, query = "") {
  const paths = ["", ...runs.watched.map((id) => `session_id=${encodeURIComponent(id)}&`)].map((of) => `${kind}?${query}${of}limit=100`)
  const answers = await Promise.all(paths.map((path) => api.get(path)))
  for (const record of answers.flatMap((answer) => answer[kind])) records.put(record)
}

// -- the page's URL names the watched runs, so that it can be bookmarked and shared

function runsInUrl() {
  const ids = location.hash.slice(1).split(",").filter(Boolean).map(decodeURIComponent)
  return [...new Set(ids)].filter((id) => /^[A-Za-z0-9_\-.:@]{1,180}$/.test(id))
}

function watch(id) {
  if (!runs.watched.includes(id)) location.hash = [...runs.watched, id].map(encodeURIComponent).join(",")
}

function unwatch(id) {
  location.hash = runs.watched.filter((other) => other !== id).map(encodeURIComponent).join(",")
}

function applyUrl() {
  const wanted = runsInUrl()
  for (const id of runs.watched.filter((id) => !wanted.includes(id))) unsubscribe(`${CHANNEL}:${id}`)
  const added = wanted.filter((id) => !runs.watched.includes(id))
  runs.watch(wanted)
  for (const id of added) subscribe(`${CHANNEL}:${id}`)
  show()
}

// -- rendering

let showScheduled = false

/** Renders at most once per animation frame. A hidden page renders too, less often, because its title shows open alerts. */
function show() {
  if (showScheduled) return
  showScheduled = true
  const schedule = document.hidden ? setTimeout : requestAnimationFrame
  schedule(() => {
    showScheduled = false
    for (const view of views) view.show()
    document.title = views.some((view) => view.needsAction) ? "● Notifications" : "Notifications"
    showOtherRuns()
  })
}

function showOtherRuns() {
  const ids = new Set([...notifications.list(), ...alerts.list()].map((record) => record.session_id ?? record.metadata.run))
  const others = [...ids].filter((id) => typeof id === "string" && !runs.watched.includes(id)).sort()
  fill($("known-runs"), others, { key: (id) => id, make: (value) => Object.assign(document.createElement("option"), { value }) })
  runs.showOthers(others)
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
addEventListener("hashchange", applyUrl)
for (const view of views) view.changed = show

applyUrl()
subscribe(CHANNEL)
setUpDemonstration(watch, attempt)
$("demonstration").open = runs.watched.length === 0
