#!lua
-- Put messages into a queue, all of them or none.
--
-- KEYS  1 message stream   2 delayed messages   3 mark of this batch
-- ARGV  1 TTL of the mark in ms   2 most messages that the queue may hold   3.. message, delay in ms, ...
-- A batch whose mark is there was taken before: sending it again is harmless as long as the mark lives.
-- Returns {1, number}, or {0, number} where the queue is full; number is how many it holds.
local held = redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2])
if redis.call('EXISTS', KEYS[3]) == 1 then return {1, held} end
if held + (#ARGV - 2) / 2 > tonumber(ARGV[2]) then return {0, held} end
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
for i = 3, #ARGV, 2 do
  local delay = tonumber(ARGV[i + 1])
  if delay > 0 then
    redis.call('ZADD', KEYS[2], now + delay, ARGV[i])
  else
    redis.call('XADD', KEYS[1], '*', 'm', ARGV[i])
  end
end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[1])
return {1, held + (#ARGV - 2) / 2}
