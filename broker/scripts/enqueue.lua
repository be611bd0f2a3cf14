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
local call, stream = redis.call, KEYS[1]
local cap = call('HGET', KEYS[3], 'backlog:' .. ARGV[1])
if not cap then
  if call('EXISTS', stream) == 0 then return {1, last} end
  if call('EXISTS', KEYS[3]) == 1 then return {3, last} end
end
local room = #ARGV
if cap then room = tonumber(cap) - call('XLEN', stream) end
if room <= 0 then return {2, last} end
local all = at + 2 * room > #ARGV
local till = all and #ARGV or at + 2 * room - 1
for value = at + 1, till, 2 do
  if not call('XADD', stream, 'NOMKSTREAM', '*', 'm', ARGV[value]) then return {1, last} end
end
local taken = tonumber(ARGV[till - 1])
call('SET', KEYS[2], taken, 'PX', ARGV[2])
return {all and 0 or 2, taken}
