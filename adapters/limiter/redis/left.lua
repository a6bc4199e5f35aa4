-- What the limits leave, for people and for metrics: nothing is decided here, and only what is over is removed.
--
-- Answers JSON: times are Discord seconds from now, 0 for what is not forbidden.
redis.call('ZREMRANGEBYSCORE', stops, '-inf', num(now))
redis.call('ZREMRANGEBYSCORE', waits, '-inf', num(now))
redis.call('ZREMRANGEBYSCORE', workers, '-inf', num(real - rules.process_seen))

local refused, open = tonumber(redis.call('GET', edge) or 0), open_until()
local blocked = tonumber(redis.call('ZREVRANGE', stops, 0, 0, 'WITHSCORES')[2] or 0)

local function planned(command, plan)
    return math.max(0, tonumber(redis.call(command, plan, 0, 0, 'WITHSCORES')[2] or 0) - now)
end

local found = {}
for _, name in ipairs(redis.call('ZREVRANGE', waits, 0, ask.most - 1)) do
    local principal, slot = string.match(name, '^(%S+) (.+)$')
    local base = rules.prefix .. ':' .. principal .. ':' .. slot
    local places = redis.call('ZCARD', base .. ':order')
    if places > 0 then
        local barrier = 'bucket'
        if refused > now then
            barrier = 'edge'
        elseif redis.call('ZSCORE', stops, principal) then
            barrier = 'global'
        elseif open > now then
            barrier = 'invalid'
        end
        table.insert(found, {
            slot = slot, places = places, barrier = barrier,
            next = planned('ZRANGE', base .. ':plan'), last = planned('ZREVRANGE', base .. ':plan'),
        })
    end
end
return cjson.encode({
    processes = redis.call('ZCARD', workers),
    invalid = redis.call('ZCARD', invalid),
    edge = math.max(0, refused - now),
    global = math.max(0, blocked - now),
    open = math.max(0, open - now),
    waiting = #found > 0 and found or nil,
})
