-- What wrk sends: whole requests from a file, made beforehand so that the load generator is not what limits.
-- Arguments: the file; "random" (any request, each time) or "turn" (one after the other); the first number for the
-- place that @@@@@@@@@@@@ marks, which makes every request differ from the one before.

local PLACE = string.rep("@", 12)
local heads, tails, count, sent, number, random = {}, {}, 0, 0, 0, true

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for request in (file:read("*a")):gmatch("([^%z]+)%z") do
    local place = request:find(PLACE, 1, true)
    count = count + 1
    heads[count] = place and request:sub(1, place - 1) or request
    tails[count] = place and request:sub(place + #PLACE) or false
  end
  file:close()
  random = arguments[2] == "random"
  number = tonumber(arguments[3])
  math.randomseed(number)
end

function request()
  sent = sent + 1
  local index = random and math.random(count) or (sent - 1) % count + 1
  local tail = tails[index]
  return tail and heads[index] .. string.format("%012d", number + sent) .. tail or heads[index]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nJSON {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50": %d, "p95": %d, "p99": %d}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
