-- file-types: which kinds of files may be uploaded: by the ending, by the media type, and by what is
-- inside, so that a program does not come in as holiday.jpg.
--
-- The ending is looked at before a byte is read, and again when a file is renamed; the first bytes when
-- the file is whole, before anybody sees it.
--
-- [script.config]
--   deny_extensions  endings that nobody uploads, without dot (["exe", "bat", "cmd", "scr", "js", "vbs"])
--   allow_mime       if there is one: only these media types, as in ["image/*", "application/pdf"]
--   deny_content     kinds that are refused by their first bytes: "program" (Windows, ELF, Mach-O),
--                    "script" (a line that begins with #!) (["program"])
--   match_content    true: what is called .jpg, .png, .gif, .pdf or .zip must begin as such a file does (true)
--   folders          only below these folders of the users ([] for everywhere)
-- allow              nothing
--
-- Example:
--   [[script]]
--   name = "file-types"
--   path = "scripts/file-types.lua"
--   [script.config]
--   deny_extensions = ["exe", "msi"]
--   folders = ["/Outgoing"]

local moon = require "moon"
local mime = require "moon.mime"
local path = require "moon.path"

local config = moon.config

local function set(list)
  local found = {}
  for _, item in ipairs(list) do
    found[string.lower(item)] = true
  end
  return found
end

local denied = set(config.deny_extensions or { "exe", "bat", "cmd", "scr", "js", "vbs" })
local content = set(config.deny_content or { "program" })
local match_content = config.match_content ~= false
local folders = config.folders or {}

-- How files begin.
local programs = {
  "MZ", -- Windows
  "\127ELF",
  "\206\250\237\254", -- Mach-O, 32 and 64 bits, and for several machines
  "\207\250\237\254",
  "\202\254\186\190",
}
local beginnings = {
  jpg = { "\255\216\255" },
  jpeg = { "\255\216\255" },
  png = { "\137PNG\r\n\26\n" },
  gif = { "GIF87a", "GIF89a" },
  pdf = { "%PDF-" },
  zip = { "PK\3\4", "PK\5\6" }, -- the second one is an empty archive
}

local function begins(text, list)
  for _, start in ipairs(list) do
    if string.sub(text, 1, #start) == start then
      return true
    end
  end
  return false
end

local function counts(name)
  if #folders == 0 then
    return true
  end
  for _, folder in ipairs(folders) do
    if path.inside(name, folder) then
      return true
    end
  end
  return false
end

-- By the name alone.
local function check_name(name)
  if not counts(name) then
    return moon.next
  end
  local extension = path.extension(name)
  if denied[extension] then
    return moon.deny("Files with the ending ." .. extension .. " cannot be stored here", 415)
  end
  local kind = mime.by_name(name) or "application/octet-stream"
  if config.allow_mime and not mime.matches(kind, config.allow_mime) then
    return moon.deny("Files of this kind cannot be stored here", 415)
  end
  return moon.next
end

moon.on("file.before_upload", function(ev)
  return check_name(ev.path)
end)

moon.on("file.before_move", function(ev)
  -- A folder has no kind; its name may end in anything.
  if ev.node and ev.node.folder then
    return moon.next
  end
  return check_name(ev.to)
end)

moon.on("file.before_copy", function(ev)
  if ev.node and ev.node.folder then
    return moon.next
  end
  return check_name(ev.to)
end)

moon.on("file.before_commit", function(ev)
  if not counts(ev.path) or ev.size == 0 then
    return moon.next
  end
  local start = ev.read(0, 16)
  if content.program and begins(start, programs) then
    return moon.deny("This file is a program, whatever its name says", 415)
  end
  if content.script and begins(start, { "#!" }) then
    return moon.deny("This file is a script, whatever its name says", 415)
  end
  local expected = beginnings[path.extension(ev.path)]
  if match_content and expected and not begins(start, expected) then
    return moon.deny("What is in this file is not what its name says", 415)
  end
  return moon.next
end)
