-- How lanes divide a bucket: what core/shares.rs decides, on the sorted set of its places. `order` of a place is its
-- lane times LANE and its arrival, so each lane is a range of that set. A bucket that an older release wrote has no
-- `passes` yet; such a release keeps what it does not know.
local LANE = 1e15

local function queued(places, lane)
    return redis.call('ZCOUNT', places.order, num(lane * LANE), '(' .. num((lane + 1) * LANE))
end

-- Somebody new comes to a lane.
local function wake(b, places, lane)
    if queued(places, lane) > 0 then return end
    local next = math.huge
    for l = 0, 2 do
        if queued(places, l) > 0 then next = math.min(next, b.passes[l + 1]) end
    end
    if next == math.huge then
        b.passes = { 0, 0, 0 }
    else
        b.passes[lane + 1] = math.max(b.passes[lane + 1], next)
    end
end

-- How many of each lane up to `rivals` go before the place with this order: so many of the first, by lane + 1.
local function befores(b, places, order, rivals)
    local lane = math.floor(order / LANE)
    local own = redis.call('ZCOUNT', places.order, num(lane * LANE), '(' .. num(order))
    local pass = b.passes[lane + 1] + rules.strides[lane + 1] * own
    local many = { 0, 0, 0 }
    for l = 0, rivals do
        local lead, stride = pass - b.passes[l + 1], rules.strides[l + 1]
        if l == lane then
            many[l + 1] = own
        elseif lead >= 0 then
            local count = l < lane and math.floor(lead / stride) + 1 or math.ceil(lead / stride)
            if count > 0 then many[l + 1] = math.min(count, queued(places, l)) end
        end
    end
    return many
end

-- A place of this lane is served; it is no longer among the others. `held`: for how many before it permits are kept.
local function serve(b, places, lane, held)
    local pass = b.passes[lane + 1]
    for l = 0, 2 do
        if l ~= lane and queued(places, l) > 0 then
            b.passes[l + 1] = math.max(b.passes[l + 1], pass - rules.strides[l + 1] * held[l + 1])
        end
    end
    b.passes[lane + 1] = pass + rules.strides[lane + 1]
end
