-- Shared by the scripts: the channel's epoch and offset, in state KEYS[1] with its stream KEYS[2].
-- An epoch belongs to one life of one server: one that has restarted, or was promoted and may lack the last writes,
-- has another replication id, and begins a new one. ARGV[1]: the new epoch, where one begins. ARGV[2]: how long an
-- unused channel keeps its place, in milliseconds.
local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'server', 'began')
local epoch, offset, began = state[1], tonumber(state[2]), tonumber(state[4])
if not epoch or not offset or not began or state[3] ~= server then
  epoch, offset, began = ARGV[1], 0, now
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', offset, 'server', server, 'began', began)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
