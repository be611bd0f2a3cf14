#!lua
-- Open the reply channel of a caller, or renew it.
--
-- KEYS  1 reply channel
-- ARGV  1 TTL in ms
-- After it the stream exists, empty or with what it held, and lives for TTL.
-- Returns 1 if it had to be made, else 0.
local made = 0
if redis.call('EXISTS', KEYS[1]) == 0 then
  local id = redis.call('XADD', KEYS[1], '*', 'm', '')
  redis.call('XDEL', KEYS[1], id)
  made = 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return made
