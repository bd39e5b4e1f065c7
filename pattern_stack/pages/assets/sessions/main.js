/** The sessions page: a list to choose from, or the session that the page's URL names after its #. */

import { connect } from "../broadcast.js"
import { $ } from "../elements.js"
import { api } from "../rest.js"
import { attempt } from "../toasts.js"
import { Chooser } from "./chooser.js"
import { Session } from "./session.js"

const client = connect(() => session.channels)
const chooser = new Chooser()
const session = new Session(client, showEnd)
let endedProject = null // the project of the session that ended

function route() {
  const id = location.hash.slice(1)
  $("choose").hidden = id !== ""
  $("session").hidden = id === ""
  if (id) {
    $("gone").hidden = true
    chooser.hide()
    session.open(id)
  } else {
    session.leave()
    document.title = "Sessions"
    chooser.show()
  }
}

function showEnd(reason, id, project) {
  if (location.hash.slice(1) === id) location.hash = ""
  endedProject = project
  $("gone-why").textContent = reason
  $("reopen").hidden = !project
  $("gone").hidden = false
}

/** Returns the id of the session in which somebody has the project open; otherwise creates one, and loads the project as it was
 * last saved. */
async function reopen(project) {
  const { sessions } = await api.get("sessions")
  for (const { session_id: id, has_project: has } of sessions) {
    if (has && (await api.get(`sessions/${id}/info`)).project_id === project) return id
  }
  const { session_id: id } = await api.post("sessions")
  await api.post(`sessions/${id}/projects/${project}/load`)
  return id
}

$("reopen").onclick = () =>
  attempt(async () => {
    location.hash = await reopen(endedProject)
  })
addEventListener("hashchange", route)
route()
