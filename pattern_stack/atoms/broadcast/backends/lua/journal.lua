-- Behind epoch.lua and place.lua: the journal of a channel: hash KEYS[3], and its entries, list KEYS[5] of "id entry".
-- The hash: n and id of the last entry; base and base_id, of the entry that the snapshot is the state behind; snapshot; about;
-- life, that of the store when it was settled last; since, "life time" of the first call that found it unsettled; ended, the
-- id of the step that ended it.
-- ARGV[3]: append, read, compact or offer. ARGV[4]: the entry's id. ARGV[5] to ARGV[8]: see place.lua.
-- ARGV[9]: the number of the entry before it, or of the entry itself for read, compact and offer. ARGV[10]: the id of the
-- entry before it. ARGV[11]: the entry. ARGV[12]: the snapshot; '' is none. ARGV[13]: about.
-- ARGV[14], ARGV[15], ARGV[16]: how long a journal, and one that has ended, are kept; how long it settles; milliseconds.
-- ARGV[17]: 'again' where an earlier try may have come through. ARGV[18]: 'ends'. From ARGV[19] on: events.
-- Returns {life, state, ...}.
local generation = KEYS[6] and redis.call('HGET', KEYS[6], 'id')
if KEYS[6] and not generation then
  generation = ARGV[1]
  redis.call('HSET', KEYS[6], 'id', generation)
end
local life = server .. ':' .. (generation or '')
local head = redis.call('HMGET', KEYS[3], 'n', 'id', 'base', 'life', 'since', 'ended', 'base_id')
local n, id, base, ended = tonumber(head[1]), head[2], tonumber(head[3]), head[6]
local command, number = ARGV[3], tonumber(ARGV[9])

local function keep()
  redis.call('PEXPIRE', KEYS[3], ARGV[14])
  redis.call('PEXPIRE', KEYS[5], ARGV[14])
end

local function settled()
  if head[4] == life then
    return true
  end
  local its, at = string.match(head[5] or '', '^(%S+) (%d+)$')
  if its ~= life then
    redis.call('HSET', KEYS[3], 'since', life .. ' ' .. now)
    return false
  elseif now - at < tonumber(ARGV[16]) then
    return false
  end
  redis.call('HSET', KEYS[3], 'life', life)
  return true
end

local function id_of(entry)
  local at = entry - base
  local found = at >= 1 and redis.call('LINDEX', KEYS[5], at - 1)
  return found and string.match(found, '^%S+')
end

if ended then
  return {life, command == 'append' and ended == ARGV[4] and 'done' or 'gone'}
end
if command == 'offer' then
  if n and (head[4] == life or n >= number) then
    return {life, 'known'}
  elseif ARGV[12] == '' then
    return {life, 'wanted'}
  end
  local its = string.match(head[5] or '', '^(%S+)')
  local since = its == life and head[5] or (life .. ' ' .. now)
  redis.call('DEL', KEYS[3], KEYS[5])
  redis.call('HSET', KEYS[3], 'n', number, 'id', ARGV[4], 'base', number, 'base_id', ARGV[4], 'since', since, 'snapshot', ARGV[12],
    'about', ARGV[13])
  keep()
  return {life, 'taken'}
end
if not n and not (command == 'append' and number == 0) then
  return {life, 'gone'}
end
if n and not settled() then
  return {life, 'unsettled'}
end
if command == 'append' then
  if n and n > number then
    local theirs = n == number + 1 and id or id_of(number + 1)
    if theirs == ARGV[4] then
      return {life, 'done'}
    end
    return {life, not theirs and ARGV[17] == 'again' and 'unknown' or 'moved'}
  elseif n and (n < number or id ~= ARGV[10]) then
    return {life, 'moved'}
  end
  if ARGV[18] == 'ends' then
    redis.call('DEL', KEYS[3], KEYS[5])
    redis.call('HSET', KEYS[3], 'ended', ARGV[4])
    redis.call('PEXPIRE', KEYS[3], ARGV[15])
  else
    redis.call('HSET', KEYS[3], 'n', number + 1, 'id', ARGV[4], 'about', ARGV[13], 'life', life)
    if ARGV[12] == '' then
      redis.call('RPUSH', KEYS[5], ARGV[4] .. ' ' .. ARGV[11])
    else
      redis.call('HSET', KEYS[3], 'base', number + 1, 'base_id', ARGV[4], 'snapshot', ARGV[12])
      redis.call('DEL', KEYS[5])
    end
    keep()
  end
  for event = 19, #ARGV do
    place(ARGV[event], ARGV[4])
  end
  return {life, 'done'}
elseif command == 'read' then
  keep()
  local answer = {life, 'there', n, id, epoch, offset, ''}
  local first = 0
  if number >= base and number <= n and (number == n and id or number == base and head[7] or id_of(number)) == ARGV[4] then
    first = number - base
  else
    answer[7] = redis.call('HGET', KEYS[3], 'snapshot')
  end
  answer[8] = redis.call('LRANGE', KEYS[5], first, -1)
  return answer
end
if number > base and number <= n and id_of(number) == ARGV[4] then
  redis.call('HSET', KEYS[3], 'base', number, 'base_id', ARGV[4], 'snapshot', ARGV[12])
  redis.call('LTRIM', KEYS[5], number - base, -1)
end
return {life, 'done'}
