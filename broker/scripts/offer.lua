#!lua flags=allow-oom
-- Say what a worker offers, and renew the time that it holds.
--
-- KEYS  1 meta hash of the service
-- ARGV  1 TTL in ms   2 Redis's time in ms at which the worker started   3.. entrypoint, backlog, offer, ...
-- Where workers of two versions live, the offer is that of the one that started last, whoever renews it: the
-- field `since:ENTRYPOINT` has its start and until when it counts. After that the next one's takes its place.
-- Returns the number of the entrypoints whose offer is this one's.
local time = redis.call('TIME')
local now, ttl, taken = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1]), 0
for at = 3, #ARGV, 3 do
  local name = ARGV[at]
  local start, till = string.match(redis.call('HGET', KEYS[1], 'since:' .. name) or '', '^(%d+) (%d+)$')
  if not start or tonumber(start) <= tonumber(ARGV[2]) or tonumber(till) <= now then
    local since = string.format('%.0f %.0f', tonumber(ARGV[2]), now + ttl)
    redis.call('HSET', KEYS[1], 'backlog:' .. name, ARGV[at + 1], 'entrypoint:' .. name, ARGV[at + 2],
      'since:' .. name, since)
    taken = taken + 1
  end
end
redis.call('PEXPIRE', KEYS[1], ttl)
return taken
