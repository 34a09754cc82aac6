-- upload-webhook: another system hears of each upload (or of other changes) by a signed request.
--
-- The body is JSON: {"id": 17, "event": "file.uploaded", "time": "2026-01-02T03:04:05Z", "user": "ann",
-- "owner": "ann", "path": "/a.txt", "old_path": null, "file": {"id": 5, "size": 12, "etag": "..."}}.
-- X-Moonsail-Signature is "sha256=" and the HMAC-SHA256 of X-Moonsail-Time, a dot and the body, in hex. The
-- receiver computes it anew, compares in constant time, and refuses what is older than a few minutes.
--
-- Changes are told in order and at least once: `id` is the same when one is told again. While the
-- receiver answers with 5xx or not at all, they wait and are told later, also after a restart. Any other
-- status is an answer.
--
-- [script.config]
--   url      where to
--   events   which ones (["file.uploaded"]); "file.*" is all that happens to files
--   folder   only below this folder ("/")
-- [script.secrets]
--   key      for the signature
-- allow      "http:HOST" of url
--
-- Example:
--   [[script]]
--   name = "upload-webhook"
--   path = "scripts/upload-webhook.lua"
--   allow = ["http:hooks.example.org"]
--   [script.config]
--   url = "https://hooks.example.org/moonsail"
--   [script.secrets]
--   key = { file = "webhook-key" }

local moon = require "moon"
local crypto = require "moon.crypto"
local http = require "moon.http"
local json = require "moon.json"
local log = require "moon.log"
local path = require "moon.path"
local time = require "moon.time"

local config = moon.config
if type(config.url) ~= "string" then
  error("[script.config] of upload-webhook has no url")
end
local key = moon.secret("key")
local folder = config.folder or "/"

local function or_null(value)
  if value == nil then
    return json.null
  end
  return value
end

local function tell(ev)
  if not path.inside(ev.path, folder) then
    return moon.next
  end
  local node = ev.node
  local body = json.encode {
    id = ev.seq,
    event = ev.event,
    time = time.rfc3339(ev.time),
    user = or_null(ev.user),
    owner = ev.owner,
    path = ev.path,
    old_path = or_null(ev.old_path),
    file = { id = node.id, size = or_null(node.size), etag = or_null(node.etag) },
  }
  local now = string.format("%d", math.floor(time.now()))
  local answer, why = http.post(config.url, {
    body = body,
    headers = {
      ["Content-Type"] = "application/json",
      ["X-Moonsail-Time"] = now,
      ["X-Moonsail-Signature"] = "sha256=" .. crypto.hmac("sha256", key, now .. "." .. body),
    },
    timeout = "10s",
    redirects = 0,
  })
  if not answer then
    return moon.tempfail("the webhook does not answer: " .. why)
  end
  if answer.status >= 500 then
    return moon.tempfail("the webhook answered " .. answer.status)
  end
  if not answer.ok then
    log.warn("the webhook refused a change", { status = answer.status, path = ev.path })
  end
  return moon.next
end

for _, event in ipairs(config.events or { "file.uploaded" }) do
  moon.on(event, { timeout = "15s" }, tell)
end
