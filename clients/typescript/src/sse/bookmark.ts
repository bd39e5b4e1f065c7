/** The text of an event stream's id: positions of many channels, as `EPOCH,orders=41,room:7=3;EPOCH,news=0`. No IO. */

import type { Position } from "../protocol.js"

export function textOf(positions: ReadonlyMap<string, Position>): string {
  const groups = new Map<string, string[]>()
  for (const [channel, { epoch, offset }] of positions) {
    const group = groups.get(epoch) ?? [encodeURIComponent(epoch)]
    groups.set(epoch, group)
    group.push(`${channel}=${offset}`)
  }
  return Array.from(groups.values(), (group) => group.join(",")).join(";")
}

export function positionsOf(text: string): Map<string, Position> {
  const positions = new Map<string, Position>()
  for (const group of text ? text.split(";") : []) {
    const [epoch = "", ...places] = group.split(",")
    for (const place of places) {
      const at = place.lastIndexOf("=")
      positions.set(place.slice(0, at), { epoch: decodeURIComponent(epoch), offset: Number(place.slice(at + 1)) })
    }
  }
  return positions
}
