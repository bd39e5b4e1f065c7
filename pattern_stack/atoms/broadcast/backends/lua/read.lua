-- The channel's newest place, and the events after a known one.
-- ARGV[3], ARGV[4]: epoch and offset of the known place; '' where there is none. ARGV[5]: the last offset that is wanted;
-- '+' is the newest.
-- Returns {epoch, offset, events}; events are false where they are not all there.
local since, last = tonumber(ARGV[4]), ARGV[5] == '+' and offset or math.min(tonumber(ARGV[5]), offset)
if ARGV[3] ~= epoch or since > last then
  return {epoch, offset, false}
end
local events = {}
for index, entry in ipairs(redis.call('XRANGE', KEYS[2], (since + 1) .. '-0', last .. '-0')) do
  if entry[1] ~= (since + index) .. '-0' then
    return {epoch, offset, false}
  end
  events[index] = entry[2][2]
end
if #events ~= last - since then
  return {epoch, offset, false}
end
return {epoch, offset, events}
