-- How many calls of all processes were invalid lately.
open_until()
return redis.call('ZCARD', invalid)
