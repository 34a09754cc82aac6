local url = "https://scan.example/check"
local options = { config = { url = url, max_size = 100 }, allow = { "http:scan.example" } }

test("the scanner sees the bytes and decides", function(t)
  t.script("../virus-scan.lua", options)
  t.http("POST", url, { status = 200 })
  t.eq(t.fire("file.before_commit", { path = "a", size = 5, content = "hello" }).kind, "next")
  t.eq(t.requests()[1].body, "hello")
  t.http("POST", url, { status = 422, body = "Eicar\nmore" })
  local answer = t.fire("file.before_commit", { path = "a", size = 5, content = "virus" })
  t.eq(answer.kind, "deny")
  t.eq(answer.status, 422)
end)

test("a scanner that is down stops uploads for now", function(t)
  t.script("../virus-scan.lua", options)
  t.http("POST", url, { error = "connection refused" })
  t.eq(t.fire("file.before_commit", { path = "a", size = 5, content = "hello" }).kind, "tempfail")
  t.http("POST", url, { status = 500 })
  t.eq(t.fire("file.before_commit", { path = "a", size = 5, content = "hello" }).kind, "tempfail")
end)

test("large files are not sent", function(t)
  t.script("../virus-scan.lua", options)
  local content = string.rep("x", 101)
  t.eq(t.fire("file.before_commit", { path = "a", size = 101, content = content }).kind, "next")
  t.eq(#t.requests(), 0)
end)
