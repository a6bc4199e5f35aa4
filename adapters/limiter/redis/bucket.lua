-- What bucket.rs decides about one bucket, in the same order and under the same names; tests let both play the same
-- histories. Here it is done inside Redis, so that two processes cannot decide at once. scripts.rs puts the
-- parts behind each other.
--
-- rules: the limiter's settings and the constants of bucket.rs and budget.rs. ask: one request. All times are Discord
-- seconds of Redis' clock.
local rules, ask = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local clock = redis.call('TIME')
local real = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local now = rules.now or real * rules.speed

-- Lua's own way to write a number loses the milliseconds of such large ones.
local function num(x) return string.format('%.17g', x) end

-- known: -1 nothing yet, 0 no headers, otherwise the calls a window. flight: calls without an answer, by ticket.
local function new_bucket()
    return {
        known = -1, prior = ask.prior_limit, window = ask.prior_window, window_seen = 0, epoch = 0, sent = 0,
        answered = 0, foreign = 0, suspected = 0, blocked_until = 0, careful_until = 0, distrusted = false,
        flight = {}, seq = 0, no_shows = 0, passes = { 0, 0, 0 },
    }
end

local function in_flight(b)
    local n = 0
    for _ in pairs(b.flight) do n = n + 1 end
    return n
end

local function limit_of(b)
    if b.known > 0 then return b.known end
    return math.max(b.prior, 1)
end

local function margin(b) return math.max(b.window * rules.margin, rules.least_margin) end

local function available(b)
    if b.known > 0 then return b.known - b.sent - math.max(b.foreign, b.suspected) end
    if b.known < 0 then return 1 - in_flight(b) end
    return math.huge
end

local function is_careful(b) return b.distrusted or b.careful_until > b.epoch end

local function later(a, b) return a and math.max(a, b) or b end

local function expect_reset(b)
    if b.known > 0 and not b.reset_at then b.reset_at = now + b.window + margin(b) end
end

local function roll(b)
    if not b.reset_at or now < b.reset_at then return end
    if b.window_seen > b.window or (available(b) <= 0 and b.window_seen > 0) then b.window = b.window_seen end
    b.epoch = b.epoch + 1
    b.window_seen, b.answered, b.foreign, b.suspected, b.reset_at = 0, 0, 0, 0, nil
    b.sent = in_flight(b)
end

local function free_of(b)
    local spaced = not b.last_sent or now >= b.last_sent + rules.min_spacing
    if now < b.blocked_until or not spaced or (is_careful(b) and in_flight(b) > 0) then return 0 end
    return math.max(available(b), 0)
end

local function settle(b, ticket)
    local call = b.flight[ticket]
    if not call then
        -- Redis was emptied since, or the answer came after its call was given up: a call of now, which is careful.
        b.sent = b.sent + 1
        call = { epoch = b.epoch }
    end
    b.flight[ticket] = nil
    b.answered = b.answered + 1
    return call
end

local function lost(b, ticket)
    local call = settle(b, ticket)
    expect_reset(b)
    return call
end

local function learn(b, in_this_window, headers)
    local before = b.known
    if headers.limit then
        b.known = math.max(headers.limit, 1)
        local is_other = b.prior > 0 and b.prior ~= headers.limit
        if before < 0 and is_other and headers.reset_after then b.window = 0 end
    elseif b.known <= 0 then
        b.known = (headers.remaining or 0) + 1
    end
    if before == 0 then
        b.sent, b.answered = in_flight(b) + 1, 1
    end
    if headers.reset_after then
        b.window_seen = math.max(b.window_seen, headers.reset_after)
        b.window = math.max(b.window, headers.reset_after)
        b.reset_at = later(b.reset_at, now + headers.reset_after + margin(b))
    else
        expect_reset(b)
    end
    if headers.remaining and in_this_window then
        local used = limit_of(b) - headers.remaining
        b.suspected = math.max(used - b.answered, 0)
        if used - b.sent > b.foreign then
            b.foreign = used - b.sent
            b.careful_until = b.epoch + rules.careful_windows
        end
    end
end

local function answered(b, ticket, headers, teaches)
    local call = settle(b, ticket)
    if headers.limit or headers.remaining then
        learn(b, call.epoch == b.epoch, headers)
    elseif b.known > 0 then
        expect_reset(b)
    elseif teaches then
        b.known = 0
    end
    return call
end

local function limited(b, ticket, retry_after, shared, headers)
    local call = settle(b, ticket)
    b.blocked_until = math.max(b.blocked_until, now + retry_after + margin(b))
    if shared then
        expect_reset(b)
        return call
    end
    if headers.limit then
        b.known = math.max(headers.limit, 1)
    elseif b.known == 0 then
        b.known, b.distrusted = -1, true
    end
    if b.known > 0 then
        b.foreign = math.max(b.known - b.sent, 0)
        b.careful_until = b.epoch + rules.careful_windows
        b.reset_at = later(b.reset_at, now + math.max(headers.reset_after or 0, retry_after) + margin(b))
    end
    return call
end

local function time_of(b, from, ahead)
    from = math.max(from, b.blocked_until)
    local spaced = b.last_sent and math.max(from, b.last_sent + rules.min_spacing) or from
    spaced = spaced + rules.min_spacing * ahead
    local soon = math.max(spaced, now + 5 * rules.gap)
    if b.known == 0 then return is_careful(b) and soon or spaced end
    if b.known < 0 and b.prior == 0 then return in_flight(b) > 0 and soon or spaced end
    local limit, free, reset = limit_of(b), nil, nil
    if b.known < 0 then
        free, reset = limit - in_flight(b), now + b.window
    elseif b.reset_at and from >= b.reset_at then
        free, reset = math.max(limit - in_flight(b), 0), from + b.window
    else
        free, reset = math.max(available(b), 0), b.reset_at or now + b.window
    end
    if ahead < free then
        local waits = in_flight(b) > 0 and (b.known < 0 or is_careful(b))
        return waits and soon or spaced
    end
    local index = ahead - free
    local burst = math.floor(index / limit) * (b.window + margin(b))
    local pace = b.window > 0 and b.window / limit or rules.gap
    local place = (index % limit) * math.min(pace, rules.gap)
    return math.max(spaced, math.max(reset, from) + burst + place)
end

local function absorb(b, other)
    b.sent, b.answered = b.sent + other.sent, b.answered + other.answered
    for ticket, call in pairs(other.flight) do b.flight[ticket] = call end
    b.blocked_until = math.max(b.blocked_until, other.blocked_until)
    if other.reset_at then b.reset_at = later(b.reset_at, other.reset_at) end
    b.careful_until = math.max(b.careful_until, b.epoch + 1)
    b.distrusted = b.distrusted or other.distrusted
    if b.known <= 0 then b.known = other.known end
    -- What lanes were given in two buckets says nothing about the one.
    b.passes = { 0, 0, 0 }
end
