#!lua flags=allow-oom
-- Claim an idempotency key for one call, or learn what became of the call that has it.
--
-- KEYS  1 record of the key   2 call stream
-- ARGV  1 entry ID of the call   2 digest of its arguments, without spaces   3 TTL in ms
-- The record is 'DIGEST ENTRY_ID REPLY'; the reply is empty until there is one.
-- Returns {state, reply}: 0 this call has the key and is to run; 1 another has it and is under way;
-- 2 it has ended, with this reply; 3 it was used with other arguments.
local record = redis.call('GET', KEYS[1])
if record then
  local first = string.find(record, ' ', 1, true)
  local second = string.find(record, ' ', first + 1, true)
  if string.sub(record, 1, first - 1) ~= ARGV[2] then return {3, ''} end
  if second < #record then return {2, string.sub(record, second + 1)} end
  local owner = string.sub(record, first + 1, second - 1)
  -- An owner whose entry is gone without a reply never ended: the key is free again.
  if owner ~= ARGV[1] and #redis.call('XRANGE', KEYS[2], owner, owner) > 0 then return {1, ''} end
end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[1] .. ' ', 'PX', ARGV[3])
return {0, ''}
