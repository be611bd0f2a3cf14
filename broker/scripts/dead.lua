#!lua flags=allow-oom
-- Move an entry to the dead letters and answer its caller, in one step.
--
-- KEYS  1 call stream   2 dead-letter stream   3 reply channel of the caller   4.. keys of what is stored
-- ARGV  1 group   2 this worker's consumer name   3 entry ID   4 delivery count
--       5 dead letter (one msgpack value)   6 reply ('' for none)   7 most dead letters kept
--       8.. per store: index into KEYS, value, TTL in ms (0: delete the key)
-- Fenced like settle. Returns 1, or 0 where the entry is no longer this worker's.
local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])[1]
if not (p and p[4] == tonumber(ARGV[4])) then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], '*', 'm', ARGV[5])
if ARGV[6] ~= '' then redis.call('XADD', KEYS[3], 'NOMKSTREAM', '*', 'm', ARGV[6]) end
for s = 8, #ARGV, 3 do
  local key, ttl = KEYS[tonumber(ARGV[s])], ARGV[s + 2]
  if ttl == '0' then redis.call('DEL', key) else redis.call('SET', key, ARGV[s + 1], 'PX', ttl) end
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
return 1
