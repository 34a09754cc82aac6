local with = {
  allow = { "http:idp.example.com" },
  config = { url = "https://idp.example.com/login" },
}

local function login(t, answer)
  t.script("../NAME.lua", with)
  t.http("POST", "https://idp.example.com/login", answer)
  return t.fire("auth.password", { user = "alice", password = "secret" })
end

test("whom the service knows is let in", function(t)
  local answer = login(t, { json = { name = "Alice" } })
  t.eq(answer.kind, "ok")
  t.eq(answer.display_name, "Alice")
end)

test("a wrong password is wrong", function(t)
  t.eq(login(t, { status = 403 }).kind, "deny")
end)

test("a service that is down refuses nobody for good", function(t)
  t.eq(login(t, { error = "connection refused" }).kind, "tempfail")
  t.eq(login(t, { status = 500 }).kind, "tempfail")
end)

test("others may know whom the service does not", function(t)
  t.eq(login(t, { status = 404 }).kind, "next")
end)
