local json = require "moon.json"

local function ask(t, method, path, fields)
  fields = fields or {}
  fields.user = fields.user or "ann"
  return t.request(method, "/api/v1" .. path, fields)
end

local function begin(t)
  t.script("../notes.lua", { allow = { "kv" } })
  local made = ask(t, "POST", "/notes", { body = json.encode { title = "One", content = "text" } })
  t.eq(made.status, 200)
  return json.decode(made.body)
end

test("a note is made, read and deleted", function(t)
  local note = begin(t)
  t.eq(note.title, "One")
  local path = "/notes/" .. string.format("%d", note.id)
  t.eq(json.decode(ask(t, "GET", path).body), note)
  t.eq(ask(t, "GET", path, { user = "bob" }).status, 404)
  t.eq(ask(t, "DELETE", path).status, 200)
  t.eq(ask(t, "GET", path).status, 404)
end)

test("of two changes at once the second one is told", function(t)
  local note = begin(t)
  local path = "/notes/" .. string.format("%d", note.id)
  local function change(content)
    local fields = { header = { ["if-match"] = '"' .. note.etag .. '"' }, body = json.encode { content = content } }
    return ask(t, "PUT", path, fields)
  end
  t.eq(change("first").status, 200)
  local late = change("second")
  t.eq(late.status, 412)
  t.eq(json.decode(late.body).content, "first")
end)

test("an empty list is a list", function(t)
  t.script("../notes.lua", { allow = { "kv" } })
  t.eq(ask(t, "GET", "/notes").body, "[]")
end)
