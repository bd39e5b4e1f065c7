-- Who is on a channel: hash KEYS[1] of connection to "instance time user", and the instances' leases KEYS[2].
-- ARGV: this instance; how long its lease holds, in milliseconds; what to do, and its arguments:
--   join CONNECTION USER, state CONNECTION USER, leave CONNECTION, look, renew CONNECTION...
-- USER is JSON, and behind a newline, where the connection shows one, its state as JSON; "state" replaces it and keeps the
-- time, where the connection is there.
-- In any case, members of instances whose lease has run out are gone, and told. Without a member nothing is left behind.
-- Returns {count, gone, answer}: gone is a list of connection and value in turn; the answer to look is the whole hash in
-- the same form, that to renew and state the connections that are missing.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local gone, answer = {}, {}
local dead = {}
for _, instance in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  if instance ~= ARGV[1] then
    dead[instance] = true
    redis.call('ZREM', KEYS[2], instance)
  end
end
if next(dead) then
  local all = redis.call('HGETALL', KEYS[1])
  for index = 1, #all, 2 do
    if dead[string.match(all[index + 1], '^%w+')] then
      redis.call('HDEL', KEYS[1], all[index])
      gone[#gone + 1], gone[#gone + 2] = all[index], all[index + 1]
    end
  end
end
if ARGV[3] == 'join' then
  redis.call('HSET', KEYS[1], ARGV[4], ARGV[1] .. ' ' .. now .. ' ' .. ARGV[5])
elseif ARGV[3] == 'state' then
  local value = redis.call('HGET', KEYS[1], ARGV[4])
  if value then
    redis.call('HSET', KEYS[1], ARGV[4], string.match(value, '^%w+ %d+ ') .. ARGV[5])
  else
    answer[1] = ARGV[4]
  end
elseif ARGV[3] == 'leave' then
  redis.call('HDEL', KEYS[1], ARGV[4])
elseif ARGV[3] == 'look' then
  answer = redis.call('HGETALL', KEYS[1])
elseif ARGV[3] == 'renew' then
  for index = 4, #ARGV do
    if redis.call('HEXISTS', KEYS[1], ARGV[index]) == 0 then
      answer[#answer + 1] = ARGV[index]
    end
  end
end
if ARGV[3] == 'join' or ARGV[3] == 'renew' then
  redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
end
local total = redis.call('HLEN', KEYS[1])
if total == 0 then
  redis.call('DEL', KEYS[2])
end
redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
redis.call('PEXPIRE', KEYS[2], 10 * ARGV[2])
return {total, gone, answer}
