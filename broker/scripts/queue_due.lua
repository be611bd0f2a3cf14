#!lua flags=allow-oom
-- Move the messages whose delay is over to where they are delivered from.
--
-- KEYS  1 message stream   2 delayed messages
-- ARGV  1 most messages
-- Whoever consumes the queue runs this; each message is moved once. Returns the ms until the next is due, 0 where
-- more are due now, or -1 where none waits.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
for _, message in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('XADD', KEYS[1], '*', 'm', message)
  redis.call('ZREM', KEYS[2], message)
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if #next == 0 then return -1 end
return math.max(0, tonumber(next[2]) - now)
