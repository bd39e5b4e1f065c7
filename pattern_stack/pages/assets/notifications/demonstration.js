/** Simulated runs. The page reports them over REST, as a program would. */

import { $ } from "../elements.js"
import { api } from "../rest.js"

const STEPS = ["Opening the archive", "Reading orders", "Reading customers", "Matching addresses", "Copying photographs", "Building the index", "Checking totals", "Writing the report"]
const NAMES = ["nightly-import", "price-update", "photo-archive", "stock-count"]
const ROUNDS = 3 // of the steps

const running = new Set()
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

export function setUpDemonstration(watch, attempt) {
  $("run").onclick = () => attempt(() => run(watch, false))
  $("run-fails").onclick = () => attempt(() => run(watch, true))
  $("send").onsubmit = (submit) => {
    submit.preventDefault()
    const { title, type } = submit.target
    attempt(() => api.post("notifications", { type: type.value, title: title.value, message: "Sent from the demonstration." }))
  }
  $("raise").onsubmit = (submit) => {
    submit.preventDefault()
    const { title, severity } = submit.target
    attempt(() => api.post("alerts", { severity: severity.value, title: title.value, description: "Raised from the demonstration." }))
  }
  addEventListener("pagehide", () => running.forEach((id) => api.postOnClose(`runs/${id}/cancelled`)))
}

async function run(watch, fails) {
  const id = `${NAMES[Math.floor(Math.random() * NAMES.length)]}-${Math.random().toString(36).slice(2, 5)}`
  const total = STEPS.length * ROUNDS
  watch(id)
  await api.post(`runs/${id}/started`, { metadata: { demonstration: true } })
  running.add(id)
  try {
    await api.post(`progress/${id}/start`, { total_steps: total })
    await api.post("notifications", { type: "info", title: `${id} has started`, message: `${total} steps.`, metadata: { run: id } })
    await work(id, total, fails)
  } finally {
    running.delete(id)
  }
}

async function work(id, total, fails) {
  for (let step = 1; step <= total; step++) {
    await pause(400 + Math.random() * 900)
    if (fails && step > total / 2) return fail(id, step)
    await api.post(`progress/${id}`, { current_step: step, step_name: STEPS[Math.floor((step - 1) / ROUNDS)] })
  }
  await api.post(`progress/${id}/complete`)
  await api.post(`runs/${id}/completed`, { results: { orders: 12_480, skipped: 3 } })
  await api.post("notifications", { type: "success", title: `${id} is done`, message: "12,480 orders, 3 skipped.", session_id: id })
}

async function fail(id, step) {
  await api.post(`runs/${id}/failed`, { error_message: `the archive ends in the middle of step ${step}`, error_type: "UnexpectedEnd" })
  await api.post("alerts", { severity: "high", title: `${id} has failed`, description: "The archive is not complete.", session_id: id })
}
