local config = {
  zone = "UTC",
  from = "07:00",
  to = "19:00",
  networks = { "10.0.0.0/8" },
  users = { "admin" },
  message = "Come back at seven",
}

test("a weekday has its hours", function(t)
  t.script("../office-hours.lua", { config = config })
  t.clock.set("2026-11-24T12:00:00Z") -- a Tuesday
  t.eq(t.fire("file.before_upload", { user = "ann", path = "a.txt" }).kind, "next")
  t.clock.set("2026-11-24T19:00:00Z")
  local answer = t.fire("file.before_upload", { user = "ann", path = "a.txt" })
  t.eq(answer.kind, "deny")
  t.eq(answer.message, "Come back at seven")
  t.eq(t.fire("login.success", { user = "ann", login = "ann" }).kind, "deny")
end)

test("a weekend has none", function(t)
  t.script("../office-hours.lua", { config = config })
  t.clock.set("2026-11-22T12:00:00Z")
  t.eq(t.fire("file.before_delete", { user = "ann", path = "a.txt" }).kind, "deny")
end)

test("networks and users are exempt", function(t)
  t.script("../office-hours.lua", { config = config })
  t.clock.set("2026-11-22T12:00:00Z")
  t.eq(t.fire("login.success", { user = "ann", remote_ip = "10.9.8.7" }).kind, "next")
  t.eq(t.fire("login.success", { user = "admin" }).kind, "next")
end)

test("a slip in a network is found at once", function(t)
  t.fails(function()
    t.script("../office-hours.lua", { config = { from = "07:00", to = "19:00", networks = { "10.0.0.0/99" } } })
  end, "10.0.0.0/99")
end)
