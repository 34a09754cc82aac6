-- NAME: a counter for each user, below /apps/NAME/.
local moon = require "moon"
local kv = require "moon.kv"

moon.route("GET", "/count", function(req)
  return moon.respond { json = { count = kv.get("count:" .. req.user) or 0 } }
end)

moon.route("POST", "/count", function(req)
  return moon.respond { status = 201, json = { count = kv.incr("count:" .. req.user, 1) } }
end)
