-- Append calls of one caller to one entrypoint's stream, each sequence number once.
--
-- KEYS  1 call stream   2 producer key of this caller and stream   3 meta hash of the service
-- ARGV  1 entrypoint   2 TTL of the producer key in ms   3.. sequence number, entry value, ...
-- Sequence numbers rise within and between batches. Sending a batch again is harmless: what the
-- producer key says was taken is skipped.
-- Returns {taken, refusal}: the first `taken` calls of the batch are in the stream (or were, and
-- are done); the others were refused: 1 nobody ever served it, 2 overloaded, 3 not offered.
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local size = (#ARGV - 2) / 2
local first = 1
while first <= size and tonumber(ARGV[first * 2 + 1]) <= last do first = first + 1 end
if first > size then return {size, 0} end
if redis.call('EXISTS', KEYS[1]) == 0 then return {first - 1, 1} end
local cap = redis.call('HGET', KEYS[3], 'backlog:' .. ARGV[1])
if not cap and redis.call('EXISTS', KEYS[3]) == 1 then return {first - 1, 3} end
local room = size
if cap then room = tonumber(cap) - redis.call('XLEN', KEYS[1]) end
local taken = first - 1
while taken < size and room > 0 do
  taken = taken + 1
  room = room - 1
  redis.call('XADD', KEYS[1], '*', 'm', ARGV[taken * 2 + 2])
end
if taken >= first then redis.call('SET', KEYS[2], ARGV[taken * 2 + 1], 'PX', ARGV[2]) end
return {taken, taken < size and 2 or 0}
