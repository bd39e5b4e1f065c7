/** The figures at the top of the page. They count everything on the server, watched or not. */

import { $, element, fill, write } from "../elements.js"
import { api } from "../rest.js"

const SEVERITIES = ["critical", "high", "medium", "low"]
const READ_DELAY = 1_000

export class Status {
  #timer = null
  #timestamp = ""

  /** Reads the figures at most once a second; at once if none are shown yet. */
  readSoon() {
    this.#timer ??= setTimeout(async () => {
      this.#timer = null
      this.show(await api.get("status").catch(() => null))
    }, READ_DELAY)
    if (!this.#timestamp) api.get("status").then((status) => this.show(status), () => {})
  }

  /** Ignores figures that are older than those shown. */
  show(status) {
    if (!status || status.timestamp < this.#timestamp) return
    this.#timestamp = status.timestamp
    write($("active"), String(status.active_sessions))
    write($("unresolved"), String(status.unresolved_alerts))
    write($("total"), String(status.total_notifications))
    $("unresolved").classList.toggle("bad", status.unresolved_alerts > 0)
    const counts = SEVERITIES.filter((severity) => status.alert_counts_by_severity[severity])
    fill($("severities"), counts, {
      key: (severity) => severity,
      make: (severity) => element("span", { className: "tag", data: { severity } }),
      update: (tag, severity) => write(tag, `${status.alert_counts_by_severity[severity]} ${severity}`),
    })
  }
}
