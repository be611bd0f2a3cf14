#!lua flags=allow-oom
-- Reply to and acknowledge calls that one worker finished for one caller.
--
-- KEYS  1 call stream   2 reply channel of the caller   3.. keys of what is stored beside the replies
-- ARGV  1 group   2 this worker's consumer name   3.. per call: entry ID, delivery count,
--       acknowledge (0 or 1), reply ('' for none), number of stores, and for each store its index
--       into KEYS, its value and its TTL in ms (0: delete the key)
-- The fence: an entry that is no longer pending for this worker with this delivery count was
-- handed to another worker, and nothing about it is changed. A second run of this script finds
-- acknowledged entries fenced, so sending it again is harmless; a reply written twice is dropped
-- by its caller.
-- Returns the IDs of the fenced entries.
local fenced = {}
local done = {}
local i = 3
while i <= #ARGV do
  local id, stores = ARGV[i], tonumber(ARGV[i + 4])
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if not (p and p[4] == tonumber(ARGV[i + 1])) then
    fenced[#fenced + 1] = id
  else
    if ARGV[i + 3] ~= '' then redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', 'm', ARGV[i + 3]) end
    for s = i + 5, i + 2 + 3 * stores, 3 do
      local key, ttl = KEYS[tonumber(ARGV[s])], ARGV[s + 2]
      if ttl == '0' then redis.call('DEL', key) else redis.call('SET', key, ARGV[s + 1], 'PX', ttl) end
    end
    if ARGV[i + 2] == '1' then done[#done + 1] = id end
  end
  i = i + 5 + 3 * stores
end
if #done > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(done))
  redis.call('XDEL', KEYS[1], unpack(done))
end
return fenced
