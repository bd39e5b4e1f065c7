-- Shared by the scripts: the channel's epoch and offset, in state KEYS[1] with its stream KEYS[2]; and `known`, whether it
-- has a state. It has one from its first event on: reading leaves nothing behind.
--
-- An epoch belongs to one life of one server: one that has restarted, or was promoted and may lack the last writes, has
-- another replication id, and begins a new one. Before the first event the epoch is the one that this event will begin,
-- as long as neither of these changes: the server; how many epochs the channel has had (KEYS[4], kept as long as its
-- state); the generation of all keys of the application (KEYS[6], not in a cluster: it is gone when all keys are deleted);
-- how many keys the server has evicted; and the period of 6 hours, which ends the name. A state is kept for 24 hours at
-- least. So an epoch that was told up to 3 periods before the channel's began was that of no event: it is the same order.
-- ARGV[1]: a generation, where one begins. ARGV[2]: how long an unused channel keeps its place, in milliseconds.
local about = redis.call('INFO', 'replication')
if not string.find(about, 'role:master', 1, true) then
  return redis.error_reply('READONLY it has become a replica')
end
local server = string.match(about, 'master_replid:(%w+)')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'server', 'began')
local epoch, offset, began = state[1], tonumber(state[2]), tonumber(state[4])
local known = epoch and offset and began and state[3] == server
if known then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[4], ARGV[2])
else
  local generation = KEYS[6] and redis.call('HGET', KEYS[6], 'id') or ''
  if KEYS[6] and generation == '' then
    generation = ARGV[1]
    redis.call('HSET', KEYS[6], 'id', generation)
  end
  local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
  local before = redis.call('HGET', KEYS[4], 'n') or '0'
  local all = table.concat({KEYS[1], server, generation, evicted, before}, ' ')
  epoch = string.sub(redis.sha1hex(all), 1, 12) .. '-' .. math.floor(now / 21600000)
  offset, began = 0, now
end
