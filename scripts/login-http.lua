-- login-http: people log in with what an HTTP API says about their name and password.
--
-- The API is asked by POST with {"user": "...", "password": "..."} as JSON. What it answers:
--   200  the password is right; JSON with the account, as in {"id": "4711", "user": "ann",
--        "display_name": "Ann A.", "email": "ann@example.org", "groups": ["staff"], "quota": 5000000000}.
--        Every field may be missing; "id" is what never changes, even when "user" does.
--   401 or 403  the password is wrong (401), or the account may not log in (403)
--   404  nobody of this name: the next in auth.chain is asked
--   anything else, or nothing: a temporary failure. No app drops its password for that.
--
-- [script.config]
--   url      address of the API; https, unless it is on this machine
--   timeout  how long it may take ("5s")
--   token    name of the secret that is sent as Authorization: Bearer; leave it out if the API wants none
-- allow      "http:HOST" with the API's host; "http-private:HOST" if it is in a private network
--
-- Example:
--   [auth]
--   chain = ["lua:login-http", "builtin:users"]
--
--   [[script]]
--   name = "login-http"
--   path = "scripts/login-http.lua"
--   allow = ["http:hr.example.org"]
--   [script.config]
--   url = "https://hr.example.org/login"
--   token = "hr"
--   [script.secrets]
--   hr = { file = "hr-token" }

local moon = require "moon"
local http = require "moon.http"
local log = require "moon.log"

local config = moon.config
if type(config.url) ~= "string" then
  error("[script.config] of login-http has no url")
end
local timeout = config.timeout or "5s"
local token = nil
if config.token then
  token = moon.secret(config.token)
end

-- A field of the answer, or nil: null and what has another type counts as missing.
local function field(account, name, wanted)
  local value = account[name]
  if type(value) == wanted then
    return value
  end
  return nil
end

moon.on("auth.password", { timeout = "15s" }, function(ev)
  local answer, why = http.post(config.url, {
    -- A secret is taken for a password only where it is named: revealing it is logged once.
    json = { user = ev.user, password = ev.password:reveal() },
    bearer = token,
    timeout = timeout,
    redirects = 0, -- a password goes where the administrator said, and nowhere else
  })
  if not answer then
    return moon.tempfail("the login API cannot be reached: " .. why)
  end
  if answer.status == 401 then
    return moon.deny("wrong password")
  elseif answer.status == 403 then
    return moon.disabled
  elseif answer.status == 404 then
    return moon.next
  elseif answer.status ~= 200 then
    return moon.tempfail("the login API answered " .. answer.status)
  end
  local account, unreadable = answer:json()
  if type(account) ~= "table" then
    log.error("the login API's answer is no account", { why = unreadable or "no object" })
    return moon.tempfail("the login API's answer cannot be read")
  end
  local id = account.id
  if type(id) == "number" then
    id = string.format("%d", id)
  elseif type(id) ~= "string" or id == "" then
    id = nil
  end
  return moon.ok {
    user = field(account, "user", "string") or ev.user,
    subject = id,
    display_name = field(account, "display_name", "string"),
    email = field(account, "email", "string"),
    groups = field(account, "groups", "table"),
    quota = field(account, "quota", "number"),
  }
end)
