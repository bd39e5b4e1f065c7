/** A session to choose, or the one that the address names after its #. */

import { Connection } from "../connection.js"
import { $ } from "../elements.js"
import { api } from "../rest.js"
import { showState } from "../state.js"
import { attempt } from "../toasts.js"
import { Chooser } from "./chooser.js"
import { Session } from "./session.js"

const chooser = new Chooser()
const session = new Session(new Connection(showState($("state"))), lost)
let orphan = null // the project of a session that went

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

function lost(why, id, project) {
  if (location.hash.slice(1) === id) location.hash = ""
  orphan = project
  $("gone-why").textContent = why
  $("reopen").hidden = !project
  $("gone").hidden = false
}

/** Where somebody has it open already, there; or else in a new session, as it was saved last. */
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
    location.hash = await reopen(orphan)
  })
addEventListener("hashchange", route)
route()
