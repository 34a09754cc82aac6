local crypto = require "moon.crypto"
local json = require "moon.json"

local url = "https://hooks.example/in"
local options = { config = { url = url, folder = "/Inbox" }, allow = { "http:hooks.example" }, secrets = { key = "k" } }

local function upload(path)
  local node = { id = 5, size = 12, etag = "e" }
  return { seq = 7, time = 1767323045, user = "ann", owner = "ann", path = path, node = node }
end

test("an upload is told and signed", function(t)
  t.script("../upload-webhook.lua", options)
  t.clock.set("2026-11-24T12:00:00Z")
  t.http("POST", url, { status = 204 })
  t.eq(t.fire("file.uploaded", upload("Inbox/a.txt")).kind, "next")
  local request = t.requests()[1]
  local body = json.decode(request.body)
  t.eq(body.path, "Inbox/a.txt")
  t.eq(body.id, 7)
  t.eq(body.time, "2026-01-02T03:04:05Z")
  local now = request.headers["x-moonsail-time"]
  t.eq(now, "1795521600")
  t.eq(request.headers["x-moonsail-signature"], "sha256=" .. crypto.hmac("sha256", "k", now .. "." .. request.body))
end)

test("other folders are nobody's business", function(t)
  t.script("../upload-webhook.lua", options)
  t.fire("file.uploaded", upload("Private/a.txt"))
  t.eq(#t.requests(), 0)
end)

test("a receiver that is down is told later", function(t)
  t.script("../upload-webhook.lua", options)
  t.http("POST", url, { status = 503 })
  t.eq(t.fire("file.uploaded", upload("Inbox/a.txt")).kind, "tempfail")
  t.http("POST", url, { status = 404 })
  t.eq(t.fire("file.uploaded", upload("Inbox/a.txt")).kind, "next")
  t.ok(string.find(t.log()[1], "the webhook refused a change", 1, true))
end)
