#!lua flags=no-writes
-- Read entries of a KV namespace that have not expired.
--
-- KEYS  1 values   2 metadata   3 expiry times
-- ARGV  1 most bytes of all values together   2.. names
-- Returns {1, value, metadata, value, metadata, ...}, each of them nil where there is none, or {0, bytes} where
-- the values are too large to be read at once.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local live, bytes = {}, 0
for i = 2, #ARGV do
  local till = redis.call('ZSCORE', KEYS[3], ARGV[i])
  live[i] = not till or tonumber(till) > now
  if live[i] then bytes = bytes + redis.call('HSTRLEN', KEYS[1], ARGV[i]) end
end
if bytes > tonumber(ARGV[1]) then return {0, bytes} end
local found = {1}
for i = 2, #ARGV do
  found[#found + 1] = live[i] and redis.call('HGET', KEYS[1], ARGV[i])
  found[#found + 1] = live[i] and redis.call('HGET', KEYS[2], ARGV[i])
end
return found
