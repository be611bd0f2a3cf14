#!lua flags=allow-oom
-- Reply to and acknowledge calls that one worker finished for one caller.
--
-- KEYS  1 call stream   2 reply channel of the caller   3.. keys of what is stored beside the replies
-- ARGV  1 group   2 this worker's consumer name   3 number of plain calls, which are acknowledged and store nothing
--       4.. per plain call: entry ID, delivery count, reply ('' for none)
--       then per other call: entry ID, delivery count, acknowledge (0 or 1), reply ('' for none), number of
--       stores, and for each store its index into KEYS, its value and its TTL in ms (0: delete the key)
-- The fence: an entry that is no longer pending for this worker with this delivery count was
-- handed to another worker, and nothing about it is changed. A second run of this script finds
-- acknowledged entries fenced, so sending it again is harmless; a reply written twice is dropped
-- by its caller. All replies are fields of one entry.
-- Returns the IDs of the fenced entries.
local call, stream, group, worker = redis.call, KEYS[1], ARGV[1], ARGV[2]
local fenced, done, replies, counts = {}, {}, {}, {}
local last = 3 * tonumber(ARGV[3]) + 1
if last > 4 then
  -- One look at what lies between the first and the last; it need not find all of them.
  for _, p in ipairs(call('XPENDING', stream, group, ARGV[4], ARGV[last], last, worker)) do counts[p[1]] = p[4] end
end
local function held(id, count)
  local has = counts[id]
  if not has then
    local p = call('XPENDING', stream, group, id, id, 1, worker)[1]
    has = p and p[4]
  end
  if has == tonumber(count) then return true end
  fenced[#fenced + 1] = id
end
local function reply(value)
  if value ~= '' then
    replies[#replies + 1] = 'm'
    replies[#replies + 1] = value
  end
end
for i = 4, last, 3 do
  if held(ARGV[i], ARGV[i + 1]) then
    done[#done + 1] = ARGV[i]
    reply(ARGV[i + 2])
  end
end
local i = last + 3
while i <= #ARGV do
  local id, stores = ARGV[i], tonumber(ARGV[i + 4])
  if held(id, ARGV[i + 1]) then
    reply(ARGV[i + 3])
    for s = i + 5, i + 2 + 3 * stores, 3 do
      local key, ttl = KEYS[tonumber(ARGV[s])], ARGV[s + 2]
      if ttl == '0' then call('DEL', key) else call('SET', key, ARGV[s + 1], 'PX', ttl) end
    end
    if ARGV[i + 2] == '1' then done[#done + 1] = id end
  end
  i = i + 5 + 3 * stores
end
if #replies > 0 then call('XADD', KEYS[2], 'NOMKSTREAM', '*', unpack(replies)) end
if #done > 0 then
  call('XACK', stream, group, unpack(done))
  call('XDEL', stream, unpack(done))
end
return fenced
