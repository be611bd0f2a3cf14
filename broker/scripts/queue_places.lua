#!lua flags=allow-oom
-- Ask for places among the batches of a queue that all its consumers together may handle at a time.
--
-- KEYS  1 places: a hash of consumers, each with 'PLACES VALID_UNTIL'
-- ARGV  1 this worker's consumer name   2 places wanted, those it has included   3 places there are   4 TTL in ms
-- Replaces what the consumer had, which so lasts for another TTL; those that did not ask for so long have none.
-- Asking again is harmless. Returns how many it has now.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local free = tonumber(ARGV[3])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local places, till = string.match(all[i + 1], '^(%d+) (%d+)$')
  if tonumber(till) <= now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= ARGV[1] then
    free = free - tonumber(places)
  end
end
local places = math.max(0, math.min(tonumber(ARGV[2]), free))
if places > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d', places, now + tonumber(ARGV[4])))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return places
