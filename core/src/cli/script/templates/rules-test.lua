local with = { config = { refused = { "exe" } } }

test("a refused ending is refused, however it is written", function(t)
  t.script("../NAME.lua", with)
  local answer = t.fire("file.before_upload", { path = "tools/Setup.EXE" })
  t.eq(answer.kind, "deny")
  t.eq(answer.message, "Files of the type .exe are not kept here")
end)

test("others are not", function(t)
  t.script("../NAME.lua", with)
  t.eq(t.fire("file.before_upload", { path = "exe/notes.txt" }).kind, "next")
end)
