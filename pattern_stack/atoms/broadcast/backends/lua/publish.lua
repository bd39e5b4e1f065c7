-- Give one event its place, keep it, and tell every instance: one step, so that there is one order.
-- ARGV[3]: the event's bytes. ARGV[4]: the publish's id. ARGV[5], ARGV[6]: events that are kept, and for how many
-- milliseconds. ARGV[7]: the pub/sub channel. ARGV[8]: milliseconds since the publish was first tried and its answer lost;
-- -1 where this is the first time. KEYS[3]: there once the publish was tried again.
-- Returns {epoch, offset}; {} where it cannot be known whether the first try came through, and for a first try that
-- comes after the second one: a broken network may still deliver it.
local tried = tonumber(ARGV[8])
if tried < 0 then
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return {}
  end
else
  local kept = redis.call('XREVRANGE', KEYS[2], '+', '-')
  for _, entry in ipairs(kept) do
    if entry[2][4] == ARGV[4] then
      return {epoch, string.match(entry[1], '%d+')}
    end
  end
  local first = now - tried
  local oldest = kept[#kept]
  local whole = #kept == offset and began < first -- no event was dropped since, and no epoch lost
  if not whole and not (oldest and tonumber(oldest[2][6]) < first) then
    return {}
  end
  redis.call('SET', KEYS[3], '', 'PX', 3600000)
end
offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[5], offset .. '-0', 'e', ARGV[3], 'i', ARGV[4], 't', now)
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[7], epoch .. ':' .. offset .. ':' .. ARGV[3])
return {epoch, offset}
