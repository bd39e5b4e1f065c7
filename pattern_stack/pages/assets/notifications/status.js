/** The figures on top: of the whole server, watched or not. */

import { $, element, fill, write } from "../elements.js"
import { api } from "../rest.js"

const SEVERITIES = ["critical", "high", "medium", "low"]
const PAUSE = 1_000

export class Status {
  #due = null
  #shown = ""

  /** Reads them soon, and once a second at most. */
  ask() {
    this.#due ??= setTimeout(async () => {
      this.#due = null
      this.show(await api.get("status").catch(() => null))
    }, PAUSE)
    if (!this.#shown) api.get("status").then((status) => this.show(status), () => {})
  }

  /** An older one changes nothing. */
  show(status) {
    if (!status || status.timestamp < this.#shown) return
    this.#shown = status.timestamp
    write($("active"), String(status.active_sessions))
    write($("unresolved"), String(status.unresolved_alerts))
    write($("total"), String(status.total_notifications))
    $("unresolved").classList.toggle("bad", status.unresolved_alerts > 0)
    const counts = SEVERITIES.filter((severity) => status.alert_counts_by_severity[severity])
    fill($("severities"), counts, {
      key: (severity) => severity,
      make: (severity) => element("span", { className: "tag", data: { severity } }),
      update: (one, severity) => write(one, `${status.alert_counts_by_severity[severity]} ${severity}`),
    })
  }
}
