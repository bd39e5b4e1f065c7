-- The channel's newest place, and the first events after a known one.
-- ARGV[3], ARGV[4]: epoch and offset of the known place. ARGV[5]: the last offset that is wanted; '+' is the newest.
-- ARGV[6]: an answer ends with the event that brings it to so many bytes.
-- Returns {epoch, offset, first, events}: first is the offset of the first of the events, which have no gap between them.
local last = ARGV[5] == '+' and offset or math.min(tonumber(ARGV[5]), offset)
local first = tonumber(ARGV[4]) + 1
local most, size, following, count, events = tonumber(ARGV[6]), 0, first, 1, {}
local name, period = string.match(ARGV[3], '^(.*)-(%d+)$')
local this_name, this_period = string.match(epoch, '^(.*)-(%d+)$')
local later = name and name == this_name and this_period - period
if ARGV[3] ~= epoch and not (later and later > 0 and later <= 3) then
  return {epoch, offset, first, events}
end
while following <= last and size < most do
  local some = redis.call('XRANGE', KEYS[2], following .. '-0', last .. '-0', 'COUNT', count)
  if #some == 0 then
    return {epoch, offset, first, events}
  end
  for _, entry in ipairs(some) do
    local this = tonumber(string.match(entry[1], '^%d+'))
    if this ~= following then
      if #events > 0 then
        return {epoch, offset, first, events}
      end
      first = this
    end
    if size >= most then
      break
    end
    events[#events + 1] = entry[2][2]
    size, following = size + #entry[2][2], this + 1
  end
  count = count * 2
end
return {epoch, offset, first, events}
