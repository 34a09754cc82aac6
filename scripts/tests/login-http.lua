local url = "https://hr.example/login"
local options = { config = { url = url, token = "hr" }, allow = { "http:hr.example" }, secrets = { hr = "sesame" } }

local function login(t)
  return t.fire("auth.password", { user = "ann", password = "blue teapot" })
end

test("the API says who it is", function(t)
  t.script("../login-http.lua", options)
  t.http("POST", url, { json = { id = 4711, display_name = "Ann", groups = { "staff" } } })
  local answer = login(t)
  t.eq(answer, { kind = "ok", user = "ann", subject = "4711", display_name = "Ann", groups = { "staff" } })
  t.eq(t.requests()[1].headers.authorization, "Bearer sesame")
end)

test("each status has its meaning", function(t)
  t.script("../login-http.lua", options)
  local kinds = { [401] = "deny", [403] = "disabled", [404] = "next", [500] = "tempfail", [302] = "tempfail" }
  for status, kind in pairs(kinds) do
    t.http("POST", url, { status = status })
    t.eq(login(t).kind, kind, tostring(status))
  end
  t.http("POST", url, { error = "connection refused" })
  t.eq(login(t).kind, "tempfail")
  t.http("POST", url, { status = 200, body = "<html>" })
  t.eq(login(t).kind, "tempfail")
end)
