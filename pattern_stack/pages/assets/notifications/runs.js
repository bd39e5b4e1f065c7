/** The runs that are watched: how far they are, and when they will be done. */

import { $, clock, element, fill, write } from "../elements.js"
import { duration } from "./durations.js"

const WORDS = { pending: "Pending", running: "Running", completed: "Completed", failed: "Failed", cancelled: "Cancelled" }

export class Runs {
  watched = []
  changed = () => {}
  #reports = new Map() // id -> { run, progress, at }

  constructor() {
    setInterval(() => document.hidden || this.show(), 1_000) // what is left grows less between reports
  }

  watch(ids) {
    this.watched = ids
    for (const id of this.#reports.keys()) if (!ids.includes(id)) this.#reports.delete(id)
  }

  /** Whether it belongs to nobody in particular or to a run that is watched. */
  concerns({ session_id: id }) {
    return id === null || this.watched.includes(id)
  }

  report(id, { run, progress }) {
    if (!this.watched.includes(id)) return
    const before = this.#reports.get(id) ?? { run: null, progress: null, at: 0 }
    const at = progress === undefined ? before.at : performance.now()
    this.#reports.set(id, { run: run === undefined ? before.run : run, progress: progress === undefined ? before.progress : progress, at })
  }

  show() {
    fill($("runs"), this.watched, { key: (id) => id, make: row, update: (one, id) => update(one, this.#reports.get(id)) })
    $("runs-empty").hidden = this.watched.length > 0
    const running = [...this.#reports.values()].filter((report) => stateOf(report) === "running").length
    write($("runs-count"), this.watched.length ? `${running} running of ${this.watched.length} watched` : "")
  }

  /** Runs that were heard of. */
  offer(ids) {
    $("heard-of").hidden = ids.length === 0
    fill($("offers"), ids.slice(0, 6), {
      key: (id) => id,
      make: (id) => element("button", { className: "plain watch", type: "button", data: { watch: id } }, `Watch ${id}`),
    })
  }
}

function row(id) {
  const off = element("button", { className: "plain", title: "Stop watching", "aria-label": `Stop watching ${id}`, data: { unwatch: id } }, "\u00d7")
  const part = (className, tag = "span") => element(tag, { className })
  const bar = element("progress", { max: 100, "aria-label": `Progress of ${id}` })
  const head = element("div", { className: "head" }, element("strong", {}, id), part("tag"), part("left number"), off)
  return element("li", { className: "run" }, head, bar, element("div", { className: "foot" }, part("step"), part("percent number")), part("end", "p"))
}

function stateOf(report) {
  return report?.run?.state ?? (report?.progress ? "running" : "pending")
}

function update(one, report) {
  const state = stateOf(report)
  const { run = null, progress = null } = report ?? {}
  const [tag, bar, end] = [".tag", "progress", ".end"].map((part) => one.querySelector(part))
  one.dataset.state = state
  write(tag, report ? (run ? WORDS[state] : progress ? "Under way" : "Not begun") : "…")
  const percent = state === "completed" ? 100 : (progress?.progress_percentage ?? 0)
  if (bar.value !== percent) bar.value = percent
  write(one.querySelector(".percent"), progress && state !== "completed" ? `${Math.floor(percent)} %` : "")
  write(one.querySelector(".step"), progress && state !== "completed" ? stepOf(progress) : "")
  write(one.querySelector(".left"), timeOf(state, run, progress, report?.at))
  write(end, endOf(run))
  end.hidden = !end.textContent
}

function stepOf({ current_step: step, total_steps: total, step_name: name }) {
  return `${step.toLocaleString()} of ${total.toLocaleString()}${name ? ` · ${name}` : ""}`
}

function timeOf(state, run, progress, at) {
  if (run?.ended_at) return `${clock(run.ended_at)}${run.started_at ? ` · took ${duration((new Date(run.ended_at) - new Date(run.started_at)) / 1000)}` : ""}`
  if (!progress || state !== "running") return ""
  if (progress.progress_percentage >= 100) return ""
  if (progress.remaining_time === null) return "no estimate yet"
  const left = progress.remaining_time - (performance.now() - at) / 1000
  if (left < -5) return `${duration(-left)} over its estimate`
  if (left < 1) return "any moment now"
  return `${duration(left)} left · until ${clock(progress.estimated_completion)}`
}

function endOf(run) {
  if (run?.state === "failed") return [run.error_type, run.error_message].filter(Boolean).join(": ")
  if (run?.state === "completed") return resultsOf(run.results)
  return ""
}

function resultsOf(results) {
  if (results === null) return ""
  if (typeof results !== "object" || Array.isArray(results)) return JSON.stringify(results)
  const word = (value) => (typeof value === "number" ? value.toLocaleString() : typeof value === "string" ? value : JSON.stringify(value))
  return Object.entries(results).map(([name, value]) => `${name} ${word(value)}`).join(" · ")
}
