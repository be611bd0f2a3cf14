#!lua
-- Append calls of one caller to one entrypoint's stream, each sequence number once.
--
-- KEYS  1 call stream   2 producer key of this caller and stream   3 meta hash of the service
-- ARGV  1 entrypoint   2 TTL of the producer key in ms   3 the sequence number sent before this
--       batch (0 for the first)   4.. sequence number, entry value, ...
-- Sequence numbers rise within and between batches. What the producer key says was taken is
-- skipped, so sending a batch again is harmless. A number below ARGV[3] means that an earlier
-- batch never arrived, or that Redis forgot it: nothing is taken, and the caller begins again
-- above the number returned.
-- Returns {outcome, number}: 0 all taken; 1 nobody ever served the stream, 2 overloaded, 3 not
-- offered by any live worker, each from the sequence number after `number` on; 4 begin again
-- above `number`.
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if last < tonumber(ARGV[3]) then return {4, last} end
local at = 4
while at <= #ARGV and tonumber(ARGV[at]) <= last do at = at + 2 end
if at > #ARGV then return {0, last} end
if redis.call('EXISTS', KEYS[1]) == 0 then return {1, last} end
local cap = redis.call('HGET', KEYS[3], 'backlog:' .. ARGV[1])
if not cap and redis.call('EXISTS', KEYS[3]) == 1 then return {3, last} end
local room = #ARGV
if cap then room = tonumber(cap) - redis.call('XLEN', KEYS[1]) end
local taken = last
while at <= #ARGV and room > 0 do
  redis.call('XADD', KEYS[1], '*', 'm', ARGV[at + 1])
  taken = tonumber(ARGV[at])
  at = at + 2
  room = room - 1
end
if taken > last then redis.call('SET', KEYS[2], taken, 'PX', ARGV[2]) end
return {at <= #ARGV and 2 or 0, taken}
