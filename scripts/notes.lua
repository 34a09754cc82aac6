-- notes: the API of the Nextcloud Notes apps (version 1), so that they have a server to talk to.
--
-- The [[script]] must be called "notes": the apps ask below /apps/notes/api/v1. Notes are kept in
-- moon.kv, not as files, as long as scripts cannot write files: they are in backups of the server, but not
-- in anybody's folder. So attachments are missing, and settings are kept but change nothing. Meant for
-- hundreds of notes of each user; a list of all of them is one request.
--
-- [script.config]
--   most       notes of one user (2000)
-- allow        "kv"
--
-- Example:
--   [[script]]
--   name = "notes"
--   path = "scripts/notes.lua"
--   allow = ["kv"]
--   cpu_millis = 250

local moon = require "moon"
local crypto = require "moon.crypto"
local json = require "moon.json"
local kv = require "moon.kv"
local path = require "moon.path"
local time = require "moon.time"
local url = require "moon.url"

local most = moon.config.most or 2000

-- What a client may write, and its type; what is missing in a new note.
local writable = {
  title = "string",
  content = "string",
  category = "string",
  favorite = "boolean",
  modified = "number",
}

local function prefix(user)
  return "note/" .. url.escape(user) .. "/"
end

-- Keys are listed in order of their bytes, so ids have a fixed width.
local function key(user, id)
  return prefix(user) .. string.format("%012d", id)
end

local function answer(status, value, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json; charset=utf-8"
  return moon.respond { status = status, headers = headers, body = json.encode(value) }
end

local function failure(status, message)
  return answer(status, { message = message })
end

-- A note as clients see it.
local function shown(note)
  local seen = {
    id = note.id,
    title = note.title,
    content = note.content,
    category = note.category,
    favorite = note.favorite,
    modified = note.modified,
    readonly = false,
  }
  seen.etag = string.sub(crypto.sha256(json.encode(seen)), 1, 32)
  return seen
end

-- Whether a field such as If-Match names this etag.
local function names(field, etag)
  if field == nil then
    return false
  end
  return field == "*" or field == etag or string.find(field, '"' .. etag .. '"', 1, true) ~= nil
end

local function id_of(req)
  local digits = string.match(req.params.id, "^%d+$")
  if not digits or #digits > 12 then
    return nil
  end
  return tonumber(digits)
end

-- Titles become names of files elsewhere: the same characters are taken out here.
local function clean(text, keep_slash)
  text = string.gsub(text, '[%c\\:*?"<>|]', "")
  if not keep_slash then
    text = string.gsub(text, "/", "")
  end
  return (string.gsub(string.gsub(text, "^[%s.]+", ""), "%s+$", ""))
end

-- The first line of a text, for notes without a title.
local function first_line(content)
  for line in string.gmatch(content, "[^\r\n]+") do
    local title = clean(string.gsub(line, "^[#%s]+", ""), false)
    if title ~= "" then
      -- Cut between characters: a byte of 128 to 191 goes on with the one before it.
      local cut = string.sub(title, 1, 100)
      while #cut < #title and string.match(string.sub(title, #cut + 1, #cut + 1), "[\128-\191]") do
        cut = string.sub(cut, 1, -2)
      end
      return cut
    end
  end
  return "New note"
end

-- What the body wants to have changed; nil and why.
local function wanted(req)
  local body, why = json.decode(req.body)
  if type(body) ~= "table" or json.is_array(body) then
    return nil, why or "the body must be an object"
  end
  local changes = {}
  for name, kind in pairs(writable) do
    local value = body[name]
    if value ~= nil and value ~= json.null then
      if type(value) ~= kind then
        return nil, name .. " must be a " .. kind
      end
      changes[name] = value
    end
  end
  if changes.title then
    changes.title = clean(changes.title, false)
  end
  if changes.category then
    changes.category = clean(changes.category, true)
  end
  if changes.modified then
    changes.modified = math.floor(changes.modified)
    if changes.modified <= 0 then
      changes.modified = nil
    end
  end
  return changes
end

local function changed(note, changes, now)
  local new = {}
  for name, value in pairs(note) do
    new[name] = value
  end
  for name, value in pairs(changes) do
    new[name] = value
  end
  if changes.content and not changes.modified then
    new.modified = now
  end
  if new.title == "" then
    new.title = first_line(new.content)
  end
  new.changed = now
  return new
end

-- All notes of a user, in order of their ids.
local function all(user)
  local notes, after = {}, nil
  repeat
    local keys = kv.list(prefix(user), { after = after, limit = 1000 })
    for _, name in ipairs(keys) do
      local note = kv.get(name)
      if note then -- deleted since it was listed
        table.insert(notes, note)
      end
    end
    after = keys[#keys]
  until #keys < 1000
  return notes
end

moon.route("GET", "/api/v1/notes", { timeout = "30s" }, function(req)
  local query = req.query
  local excluded = {}
  for name in string.gmatch(query.exclude or "", "[^,]+") do
    excluded[name] = name ~= "id"
  end
  local since = tonumber(query.pruneBefore) or 0
  local size = tonumber(query.chunkSize) or 0
  local cursor = tonumber(query.chunkCursor) or 0
  local full, pruned, last = {}, {}, 0
  for _, note in ipairs(all(req.user)) do
    last = math.max(last, note.changed)
    if query.category == nil or query.category == note.category then
      if note.changed < since then
        table.insert(pruned, { id = note.id })
      elseif note.id > cursor then
        table.insert(full, note)
      end
    end
  end
  local headers = {}
  local list = json.array {}
  local count = #full
  if size > 0 and count > size then
    count = size
    headers["X-Notes-Chunk-Cursor"] = string.format("%d", full[count].id)
    headers["X-Notes-Chunk-Pending"] = string.format("%d", #full - count)
  end
  for at = 1, count do
    local note = shown(full[at])
    for name, is_excluded in pairs(excluded) do
      if is_excluded then
        note[name] = nil
      end
    end
    table.insert(list, note)
  end
  -- Only the last chunk has those that did not change: by it, a client knows what was deleted.
  if count == #full then
    for _, note in ipairs(pruned) do
      table.insert(list, note)
    end
  end
  local etag = string.sub(crypto.sha256(json.encode(list)), 1, 32)
  headers["ETag"] = '"' .. etag .. '"'
  if last > 0 then
    headers["Last-Modified"] = time.http(last)
  end
  if names(req.header["if-none-match"], etag) then
    return moon.respond { status = 304, headers = headers }
  end
  return answer(200, list, headers)
end)

moon.route("GET", "/api/v1/notes/{id}", function(req)
  local id = id_of(req)
  if not id then
    return failure(400, "the id must be a number")
  end
  local note = kv.get(key(req.user, id))
  if not note then
    return failure(404, "there is no such note")
  end
  note = shown(note)
  local headers = { ETag = '"' .. note.etag .. '"' }
  if names(req.header["if-none-match"], note.etag) then
    return moon.respond { status = 304, headers = headers }
  end
  return answer(200, note, headers)
end)

moon.route("POST", "/api/v1/notes", function(req)
  local changes, why = wanted(req)
  if not changes then
    return failure(400, why)
  end
  if #kv.list(prefix(req.user), { limit = 1 }) > 0 and #all(req.user) >= most then
    return failure(507, "there are " .. most .. " notes already")
  end
  local now = math.floor(time.now())
  local id = kv.incr("last-id")
  local empty = { id = id, title = "", content = "", category = "", favorite = false, modified = now }
  local note = changed(empty, changes, now)
  kv.set(key(req.user, id), note)
  return answer(200, shown(note))
end)

moon.route("PUT", "/api/v1/notes/{id}", function(req)
  local id = id_of(req)
  if not id then
    return failure(400, "the id must be a number")
  end
  local changes, why = wanted(req)
  if not changes then
    return failure(400, why)
  end
  local name = key(req.user, id)
  -- Another device may write in between: then what it wrote is looked at again.
  for _ = 1, 5 do
    local note = kv.get(name)
    if not note then
      return failure(404, "there is no such note")
    end
    local seen = shown(note)
    local condition = req.header["if-match"]
    if condition and not names(condition, seen.etag) then
      return answer(412, seen, { ETag = '"' .. seen.etag .. '"' })
    end
    local new = changed(note, changes, math.floor(time.now()))
    if kv.cas(name, note, new) then
      local now = shown(new)
      return answer(200, now, { ETag = '"' .. now.etag .. '"' })
    end
  end
  return moon.tempfail("the note changes all the time")
end)

moon.route("DELETE", "/api/v1/notes/{id}", function(req)
  local id = id_of(req)
  if not id then
    return failure(400, "the id must be a number")
  end
  if not kv.delete(key(req.user, id)) then
    return failure(404, "there is no such note")
  end
  return answer(200, json.array {})
end)

local function settings(user)
  return kv.get("settings/" .. url.escape(user)) or { notesPath = "Notes", fileSuffix = ".md" }
end

moon.route("GET", "/api/v1/settings", function(req)
  return answer(200, settings(req.user))
end)

moon.route("PUT", "/api/v1/settings", function(req)
  local body, why = json.decode(req.body)
  if type(body) ~= "table" then
    return failure(400, why or "the body must be an object")
  end
  local kept = settings(req.user)
  if body.fileSuffix == ".md" or body.fileSuffix == ".txt" then
    kept.fileSuffix = body.fileSuffix
  end
  if type(body.notesPath) == "string" then
    local folder = path.clean(clean(body.notesPath, true)) -- nil if it leads elsewhere
    kept.notesPath = folder and folder ~= "/" and #folder <= 200 and string.sub(folder, 2) or "Notes"
  end
  kv.set("settings/" .. url.escape(req.user), kept)
  return answer(200, kept)
end)

-- What tells the apps that there are notes here.
moon.on("capabilities", function(ev)
  if ev.user == nil then
    return moon.next
  end
  return { notes = { api_version = { "1.2" }, version = "4.5.0" } }, "1h"
end)
