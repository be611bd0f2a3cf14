#!lua flags=no-writes
-- List names of a KV namespace in the order of their bytes.
--
-- KEYS  1 names   2 metadata   3 expiry times
-- ARGV  1 where to begin, 2 where to end (as ZRANGEBYLEX takes them)   3 most names
-- Looks at no more than ten times as many names as were asked for, so a page may be short where many have expired.
-- Returns {1 if that was all, else 0, last name looked at, {name, expires in ms or nil, metadata or nil}, ...}.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local from, last, most, page = ARGV[1], '', tonumber(ARGV[3]), {}
for _ = 1, 10 do
  -- One more than is wanted: only that tells whether there are more.
  local names = redis.call('ZRANGEBYLEX', KEYS[1], from, ARGV[2], 'LIMIT', 0, most + 1)
  for _, name in ipairs(names) do
    local till = redis.call('ZSCORE', KEYS[3], name)
    if not till or tonumber(till) > now then
      if #page == most then return {0, last, unpack(page)} end
      page[#page + 1] = {name, till, redis.call('HGET', KEYS[2], name)}
    end
    last = name
  end
  if #names <= most then return {1, last, unpack(page)} end
  from = '(' .. last
end
return {0, last, unpack(page)}
