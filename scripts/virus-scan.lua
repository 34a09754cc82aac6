-- virus-scan: every file is shown to a scanner before anybody can see it.
--
-- The scanner is asked by HTTP: its bytes are the body of a POST, and the answer says whether they are
-- clean. clamd speaks a protocol of its own over TCP, for which scripts have no module: put one of the
-- small HTTP servers in front of it that exist for this, or ask your scanner's maker for one.
-- What the script takes for an answer:
--   200 or 204         clean
--   406, 409 or 422    a virus; the first line of the answer is its name, for the log
--   anything else      it could not be scanned: `fail` says what becomes of the file
--
-- A chunked upload that is refused keeps its chunks until they are cleared away, unseen.
--
-- [script.config]
--   url       address of the scanner
--   timeout   for one file ("30s"); [[script]] timeout_secs must be more than that
--   max_size  largest file that is sent, at most 8 MiB, which is what a request may have (8388608)
--   larger    what becomes of larger ones: "allow" or "deny" ("allow")
--   fail      what becomes of files that cannot be scanned: "deny" has apps try again later ("deny")
-- allow       "http:HOST", or "http-private:HOST" for a scanner in a private network or on this machine
--
-- Example:
--   [[script]]
--   name = "virus-scan"
--   path = "scripts/virus-scan.lua"
--   allow = ["http-private:127.0.0.1:9080"]
--   timeout_secs = 45
--   memory_mib = 128
--   [script.config]
--   url = "http://127.0.0.1:9080/scan"

local moon = require "moon"
local http = require "moon.http"
local log = require "moon.log"
local metrics = require "moon.metrics"

local config = moon.config
if type(config.url) ~= "string" then
  error("[script.config] of virus-scan has no url")
end
local most = config.max_size or 8 * 1024 * 1024
if most > 8 * 1024 * 1024 then
  error("[script.config] of virus-scan: max_size is at most 8388608")
end
for _, name in ipairs { "larger", "fail" } do
  local word = config[name]
  if word ~= nil and word ~= "allow" and word ~= "deny" then
    error("[script.config] of virus-scan: " .. name .. ' must be "allow" or "deny"')
  end
end

-- The whole content, in pieces of what one read gives.
local function whole(ev)
  local pieces, at = {}, 0
  while at < ev.size do
    local piece = ev.read(at, 1024 * 1024)
    if #piece == 0 then
      error("the file ended early")
    end
    table.insert(pieces, piece)
    at = at + #piece
  end
  return table.concat(pieces)
end

local function unscanned(ev, why)
  metrics.count("scans", 1, { result = "failed" })
  log.error("a file could not be scanned", { path = ev.path, why = why })
  if config.fail == "allow" then
    return moon.next
  end
  return moon.tempfail("the virus scanner does not answer: " .. why)
end

moon.on("file.before_commit", { timeout = "60s" }, function(ev)
  if ev.size == 0 then
    return moon.next
  end
  if ev.size > most then
    metrics.count("scans", 1, { result = "too_large" })
    if config.larger == "deny" then
      return moon.deny("Files of this size cannot be scanned for viruses, and so not stored", 413)
    end
    return moon.next
  end
  local answer, why = http.post(config.url, {
    body = whole(ev),
    headers = { ["Content-Type"] = "application/octet-stream" },
    timeout = config.timeout or "30s",
    redirects = 0,
  })
  if not answer then
    return unscanned(ev, why)
  end
  if answer.status == 200 or answer.status == 204 then
    metrics.count("scans", 1, { result = "clean" })
    return moon.next
  end
  if answer.status == 406 or answer.status == 409 or answer.status == 422 then
    local virus = string.match(answer.body, "^[^\r\n]*")
    metrics.count("scans", 1, { result = "virus" })
    log.warn("a virus was refused", { path = ev.path, user = ev.user or "", virus = virus })
    return moon.deny("This file has a virus and was not stored", 422)
  end
  return unscanned(ev, "status " .. answer.status)
end)
