/** The list of watched runs: state, progress, and estimated end. */

import { $, clock, element, fill, write } from "../elements.js"
import { duration } from "./durations.js"

const TEXTS = { pending: "Pending", running: "Running", completed: "Completed", failed: "Failed", cancelled: "Cancelled" }

export class Runs {
  watched = []
  changed = () => {}
  #reports = new Map() // id -> { run, progress, at }

  constructor() {
    setInterval(() => document.hidden || this.show(), 1_000) // the time left decreases between reports
  }

  watch(ids) {
    this.watched = ids
    for (const id of this.#reports.keys()) if (!ids.includes(id)) this.#reports.delete(id)
  }

  /** Whether a record belongs to no run, or to one that is watched. */
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
    fill($("runs"), this.watched, { key: (id) => id, make: createRow, update: (row, id) => updateRow(row, this.#reports.get(id)) })
    $("runs-empty").hidden = this.watched.length > 0
    const running = [...this.#reports.values()].filter((report) => stateOf(report) === "running").length
    write($("runs-count"), this.watched.length ? `${running} running of ${this.watched.length} watched` : "")
  }

  /** Offers runs that are not watched, but occur in notifications and alerts. */
  showOthers(ids) {
    $("other-runs").hidden = ids.length === 0
    fill($("other-runs-list"), ids.slice(0, 6), {
      key: (id) => id,
      make: (id) => element("button", { className: "plain watch", type: "button", data: { watch: id } }, `Watch ${id}`),
    })
  }
}

function createRow(id) {
  const button = element("button", { className: "plain", title: "Stop watching", "aria-label": `Stop watching ${id}`, data: { unwatch: id } }, "\u00d7")
  const part = (className, tag = "span") => element(tag, { className })
  const bar = element("progress", { max: 100, "aria-label": `Progress of ${id}` })
  const head = element("div", { className: "head" }, element("strong", {}, id), part("tag"), part("left number"), button)
  return element("li", { className: "run" }, head, bar, element("div", { className: "foot" }, part("step"), part("percent number")), part("end", "p"))
}

function stateOf(report) {
  return report?.run?.state ?? (report?.progress ? "running" : "pending")
}

function updateRow(row, report) {
  const state = stateOf(report)
  const { run = null, progress = null } = report ?? {}
  const [tag, bar, end] = [".tag", "progress", ".end"].map((part) => row.querySelector(part))
  row.dataset.state = state
  write(tag, report ? (run ? TEXTS[state] : progress ? "In progress" : "Not started") : "…")
  const percent = state === "completed" ? 100 : (progress?.progress_percentage ?? 0)
  if (bar.value !== percent) bar.value = percent
  write(row.querySelector(".percent"), progress && state !== "completed" ? `${Math.floor(percent)} %` : "")
  write(row.querySelector(".step"), progress && state !== "completed" ? stepText(progress) : "")
  write(row.querySelector(".left"), timeText(state, run, progress, report?.at))
  write(end, endText(run))
  end.hidden = !end.textContent
}

function stepText({ current_step: step, total_steps: total, step_name: name }) {
  return `${step.toLocaleString()} of ${total.toLocaleString()}${name ? ` · ${name}` : ""}`
}

function timeText(state, run, progress, at) {
  if (run?.ended_at) return `${clock(run.ended_at)}${run.started_at ? ` · took ${duration((new Date(run.ended_at) - new Date(run.started_at)) / 1000)}` : ""}`
  if (!progress || state !== "running") return ""
  if (progress.progress_percentage >= 100) return ""
  if (progress.remaining_time === null) return "no estimate yet"
  const left = progress.remaining_time - (performance.now() - at) / 1000
  if (left < -5) return `${duration(-left)} over the estimate`
  if (left < 1) return "almost done"
  return `${duration(left)} left · until ${clock(progress.estimated_completion)}`
}

function endText(run) {
  if (run?.state === "failed") return [run.error_type, run.error_message].filter(Boolean).join(": ")
  if (run?.state === "completed") return resultsText(run.results)
  return ""
}

function resultsText(results) {
  if (results === null) return ""
  if (typeof results !== "object" || Array.isArray(results)) return JSON.stringify(results)
  const text = (value) => (typeof value === "number" ? value.toLocaleString() : typeof value === "string" ? value : JSON.stringify(value))
  return Object.entries(results).map(([name, value]) => `${name} ${text(value)}`).join(" · ")
}
