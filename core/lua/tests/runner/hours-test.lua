local open = {
  config = { prefix = "Dr. ", closing = 1767330000 },
  allow = { "http:idp.example", "kv" },
  secrets = { key = "open sesame" },
}

test("a login is asked for by HTTP", function(t)
  t.script("hours.lua", open)
  t.http("POST", "https://idp.example/login", { status = 200, json = { fine = true } })
  local answer = t.fire("auth.password", { user = "alice", password = "x" })
  t.eq(answer.kind, "ok")
  t.eq(answer.display_name, "Dr. alice")
  local request = t.requests()[1]
  t.eq(request.headers.authorization, "Bearer open sesame")
  t.eq(request.body, '{"user":"alice"}')
end)

test("who is not reachable fails for now", function(t)
  t.script("hours.lua", open)
  t.http("POST", "https://idp.example/", { error = "no route" })
  t.eq(t.fire("auth.password", { user = "a", password = "x" }), { kind = "tempfail", message = "not reachable: https://idp.example: no route" })
end)

test("time travels", function(t)
  t.script("hours.lua", open)
  t.eq(t.fire("file.before_upload", { path = "a" }).kind, "next")
  t.clock.set("2026-01-02T05:00:01Z")
  t.eq(t.fire("file.before_upload", { path = "b" }), { kind = "deny", message = "closed", status = 423 })
  t.eq(t.log(), { "info asked path=a", "info asked path=b" })
end)

test("timers run when they are due", function(t)
  t.script("hours.lua", open)
  t.clock.advance("9m59s")
  t.eq(t.kv.get("ticks"), nil)
  t.clock.advance("1h")
  t.eq(t.kv.get("ticks"), 6)
end)

test("changes reach families, and content is read", function(t)
  t.script("hours.lua", open)
  t.fire("file.uploaded", { path = "a" })
  t.fire("file.before_mkdir", { path = "a" })
  t.eq(t.kv.get("changes"), 1)
  t.eq(t.fire("file.before_commit", { content = "good" }).kind, "next")
  t.eq(#t.fire("file.before_commit", { content = "EVIL" }).message, 64)
end)

test("routes answer", function(t)
  t.script("hours.lua", open)
  local answer = t.request("GET", "/notes/7", { user = "alice" })
  t.eq(answer, { kind = "respond", status = 200, json = { id = "7", user = "alice" } })
  t.fails(function() t.request("GET", "/other") end, "there is no route GET /other")
end)
