local moon = require "moon"
local http = require "moon.http"
local kv = require "moon.kv"
local log = require "moon.log"
local time = require "moon.time"

moon.on("auth.password", function(req)
  local answer, err = http.post("https://idp.example/login", {
    json = { user = req.user }, bearer = moon.secret("key"),
  })
  if not answer then return moon.tempfail("not reachable: " .. err) end
  if answer.status == 403 then return moon.deny("wrong password") end
  return moon.ok { user = req.user, display_name = moon.config.prefix .. req.user }
end)

moon.on("file.before_upload", function(ev)
  log.info("asked", { path = ev.path })
  if time.now() > moon.config.closing then return moon.deny("closed", 423) end
end)

moon.on("file.before_commit", function(ev)
  if ev.read(0, 4) == "EVIL" then return moon.deny(ev.sha256()) end
end)

moon.on("file.*", function(ev)
  kv.incr("changes", 1)
end)

moon.route("GET", "/notes/{id}", function(req)
  return moon.respond { status = 200, json = { id = req.params.id, user = req.user } }
end)

moon.every("10m", function() kv.incr("ticks", 1) end)
