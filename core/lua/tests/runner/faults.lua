-- script: hours.lua
local kept = 0

test("what is not equal is shown", function(t)
  t.eq({ 1, { a = "x" } }, { 1, { a = "y" } }, "the pair")
end)

test("globals of one test are not another's", function(t)
  kept += 1
  t.eq(kept, 1)
end)

test("an error of the script has its line", function(t)
  t.fire("file.before_upload", { path = "a" })
end)

test("an event that there is not", function(t)
  t.fire("file.before_uplod", {})
end)

test("an answer that the server would not take", function(t)
  t.script("wrong.lua")
  t.fire("auth.password", { user = "alice", password = "x" })
end)

test("endless <loops> & \"more\"", function(t)
  while true do end
end)

test("no directory", function(t)
  t.ok(false)
end)
