-- One look of a caller: it may call, or it gets a time that nobody else has. What queue.rs and state.rs decide, on
-- sorted sets. A caller that waits in its process and a job that was sent away are the same here: both come back at
-- their time.
--
-- Answers {1, '0', slot, processes} or {0, seconds, reason, processes}.
local lane, me = ask.lane, ask.member
local slot = slot_of(ask.group, ask.guild)
local b, places, g = load(slot), place_keys(slot), load_global()

local function leave(name)
    redis.call('ZREM', places.order, name)
    redis.call('ZREM', places.plan, name)
end

local function arrive()
    local known = redis.call('ZSCORE', places.order, me)
    if known then
        b.no_shows = 0
        leave(me)
    else
        wake(b, places, lane)
        known = redis.call('HGET', places.rank, me)
        redis.call('ZREM', places.late, me)
        redis.call('HDEL', places.rank, me)
    end
    local arrival
    if known then
        arrival = tonumber(known) % LANE
    else
        b.seq = b.seq + 1
        arrival = b.seq
    end
    return lane * LANE + arrival
end

-- Lets go of those that did not come. When a burst of jobs in a row stayed away (their run was cancelled), nothing is
-- held for the others either.
local function expire()
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', places.late, '-inf', num(now), 'LIMIT', 0, 200)) do
        redis.call('ZREM', places.late, name)
        redis.call('HDEL', places.rank, name)
    end
    local many = math.max(limit_of(b), 10)
    for l = 0, 2 do
        for _ = 1, 200 do
            local first = redis.call('ZRANGEBYSCORE', places.order, num(l * LANE), '(' .. num((l + 1) * LANE), 'WITHSCORES', 'LIMIT', 0, 1)
            local name, void = first[1], b.no_shows >= many
            if not name then break end
            local planned = tonumber(redis.call('ZSCORE', places.plan, name) or 0)
            if now <= planned + rules.hold and not void then break end
            leave(name)
            if string.sub(name, 1, 1) == 'j' then
                redis.call('ZADD', places.late, num(planned + rules.memory), name)
                redis.call('HSET', places.rank, name, first[2])
                if not void then b.no_shows = b.no_shows + 1 end
            end
        end
    end
    if b.no_shows >= many and redis.call('ZCARD', places.order) == 0 then b.no_shows = 0 end
end

-- Of places before ours, those whose time comes before the horizon, by lane + 1, and their sum; it is enough to know
-- whether they are as many as `free`.
local function held(before, horizon, free)
    local counts, sum, most = { 0, 0, 0 }, 0, math.min(free, 1000) + 1
    for l = 0, 2 do
        local many = math.min(before[l + 1], most)
        local first = many > 0
                and redis.call('ZRANGEBYSCORE', places.order, num(l * LANE), '(' .. num((l + 1) * LANE), 'LIMIT', 0, many)
            or {}
        for _, name in ipairs(first) do
            local planned = tonumber(redis.call('ZSCORE', places.plan, name) or 0)
            if planned >= horizon then break end
            counts[l + 1], sum = counts[l + 1] + 1, sum + 1
        end
    end
    return counts, sum
end

-- Less urgent lanes may have times that say nothing to this one: of a breaker, or of the global window.
local function last_planned(before)
    local last = 0
    for l = 0, lane do
        if before[l + 1] > 0 then
            local at = redis.call('ZCOUNT', places.order, '-inf', '(' .. num(l * LANE)) + before[l + 1] - 1
            for _, name in ipairs(redis.call('ZRANGE', places.order, num(at), num(at))) do
                last = math.max(last, tonumber(redis.call('ZSCORE', places.plan, name) or 0))
            end
        end
    end
    return last
end

local cap = lane == 0 and rules.cap_interactive or rules.cap_others
local refused = tonumber(redis.call('GET', edge) or 0)
local open = open_until()
local barrier = math.max(refused, lane == 0 and now or open, now)
-- Lanes that may not call now while this one may are none that it shares with.
local rivals = lane == 0 and open > now and 0 or 2
local has_room = now >= g.blocked_until and redis.call('ZCARD', calls) < cap

redis.call('ZADD', workers, num(real), ask.process)
redis.call('ZREMRANGEBYSCORE', workers, '-inf', num(real - rules.process_seen))
redis.call('EXPIRE', workers, rules.ttl)
local processes = redis.call('ZCARD', workers)

if ask.doubt then b.careful_until = math.max(b.careful_until, b.epoch + 1) end
local order = arrive()
local free = barrier <= now and has_room and free_of(b) or 0
if free > 0 then expire() end
local before = befores(b, places, order, rivals)
local kept, kept_sum = { 0, 0, 0 }, 0
local horizon = (b.reset_at or now + b.window) - b.window * rules.last_part
if free > 0 then kept, kept_sum = held(before, horizon, free) end
if kept_sum < free then
    serve(b, places, lane, kept)
    b.sent, b.last_sent = b.sent + 1, now
    b.flight[ask.ticket] = { epoch = b.epoch, till = now + rules.flight, member = me, order = order }
    redis.call('ZADD', calls, num(now + rules.flight), ask.ticket)
    save(slot, b)
    save_global(g)
    return { 1, '0', slot, processes }
end

local room = barrier
if not has_room then
    local first = redis.call('ZRANGE', calls, 0, 0, 'WITHSCORES')[2]
    room = math.max(barrier, g.blocked_until, math.min(tonumber(first or math.huge), now + rules.global_window))
end
local ahead = before[1] + before[2] + before[3]
local wanted = time_of(b, math.max(barrier, g.blocked_until), ahead)
if room > wanted then
    g.planned = math.max(room, g.planned + rules.global_window / cap)
    wanted = g.planned
end
local time = math.max(wanted, now + rules.gap, last_planned(before) + rules.gap)
while redis.call('ZCOUNT', places.plan, num(time), num(time)) > 0 do time = time + rules.gap / 4 end
if string.sub(me, 1, 1) == 'j' or time <= now + ask.patience then
    redis.call('ZADD', places.order, num(order), me)
    redis.call('ZADD', places.plan, num(time), me)
    local bucket = ask.principal .. ' ' .. slot
    if time > tonumber(redis.call('ZSCORE', waits, bucket) or 0) then redis.call('ZADD', waits, num(time), bucket) end
    keep(waits)
end
save(slot, b)
save_global(g)
local reason = 'bucket'
if refused > now then
    reason = 'edge'
elseif g.blocked_until > now then
    reason = 'global'
elseif barrier > now then
    reason = 'invalid'
end
return { 0, num(time - now), reason, processes }
