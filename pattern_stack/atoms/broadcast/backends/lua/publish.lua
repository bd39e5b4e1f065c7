-- Give one event its place, keep it, and tell every instance: one step, so that there is one order. See place.lua.
-- ARGV[3]: the event's bytes. ARGV[4]: the publish's id. ARGV[5], ARGV[6], ARGV[7]: how much is kept, in events,
-- milliseconds and bytes. ARGV[8]: the pub/sub channel. ARGV[9]: milliseconds since the publish was first tried and its
-- answer lost; -1 where this is the first time. KEYS[3]: there once the publish was tried again.
-- ARGV[10]: how long the publish's key is remembered, in milliseconds; 0 where it has none. KEYS[5]: the place of the first
-- publish with it, as epoch, offset and publish's id. It is taken in the step that publishes: what was refused uses none up.
-- Returns {epoch, offset}; {epoch, offset, bytes} of the first publish with the key, where there was one, without its
-- bytes where they are no longer kept; {} where it cannot be known whether the first try came through, and for a first try that
-- comes after the second one: a broken network may still deliver it.
local remembered = tonumber(ARGV[10])
if remembered > 0 and known then
  local first = redis.call('GET', KEYS[5]) or ''
  local its_epoch, its_offset, its_id = string.match(first, '^(%S+) (%d+) (%S+)$')
  if its_epoch == epoch then
    if its_id == ARGV[4] then
      return {epoch, tonumber(its_offset)}
    end
    local entry = redis.call('XRANGE', KEYS[2], its_offset .. '-0', its_offset .. '-0')[1]
    return {epoch, tonumber(its_offset), entry and entry[2][2] or ''}
  end
end
local tried = tonumber(ARGV[9])
if tried < 0 then
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return {}
  end
elseif not known then -- another server, or another life: what came through over there may be here, and may not
  return {}
else
  local first = now - tried
  local all = offset == 0 and began < first -- whether all that was published since the first try has been looked at
  local before, count = '+', 1
  while not all do
    local some = redis.call('XREVRANGE', KEYS[2], before, '-', 'COUNT', count)
    if #some == 0 then
      return {}
    end
    for _, entry in ipairs(some) do
      local this = tonumber(string.match(entry[1], '^%d+'))
      if entry[2][4] == ARGV[4] then
        return {epoch, this}
      end
      all = tonumber(entry[2][6]) < first or (this == 1 and began < first)
      if all then
        break
      end
      before = (this - 1) .. '-0'
    end
    count = count * 2
  end
  redis.call('SET', KEYS[3], '', 'PX', 3600000)
end
place(ARGV[3], ARGV[4])
if remembered > 0 then
  redis.call('SET', KEYS[5], epoch .. ' ' .. offset .. ' ' .. ARGV[4], 'PX', remembered)
end
return {epoch, offset}
