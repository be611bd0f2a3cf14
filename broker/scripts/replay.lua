#!lua
-- Put the call of a dead letter back into its stream, once.
--
-- KEYS  1 dead-letter stream   2 call stream
-- ARGV  1 ID of the letter   2 entry value
-- Returns 1, or 0 where the letter is no longer there: sending this again is harmless.
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'm', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
