-- login-jwt: a signed token of your identity provider is a login. It is given in the place of the
-- password, with the user's name or any other text as the name; no header that a proxy sets is believed.
-- (auth.token is answered, too: tokens after `Authorization: Bearer` come by it where the server asks
-- auth.chain about them.)
--
-- A token must be signed by one of the keys, be meant for `audience`, come from `issuer` and not be over.
-- What is no token at all is left to the next in auth.chain.
--
-- A login that was right is remembered for auth.login_cache_secs, also if the token ends meanwhile; apps
-- should get an app password by it once.
--
-- [script.config]
--   jwks_url   where the keys are published; or, without network:
--   jwks       the key set itself, a table with "keys"
--   algorithms list of "RS256", "ES256", "EdDSA" (["RS256"])
--   issuer     what iss must be
--   audience   what aud must have
--   user       claim with the user's name ("preferred_username")
--   groups     claim with the list of groups ("groups"); they are taken over as they are
-- allow        "http:HOST" of jwks_url, and "kv" to remember the keys
--
-- Example:
--   [auth]
--   chain = ["lua:login-jwt", "builtin:users"]
--
--   [[script]]
--   name = "login-jwt"
--   path = "scripts/login-jwt.lua"
--   allow = ["http:idp.example.org", "kv"]
--   [script.config]
--   jwks_url = "https://idp.example.org/keys"
--   issuer = "https://idp.example.org"
--   audience = "moonsail"

local moon = require "moon"
local crypto = require "moon.crypto"
local http = require "moon.http"
local kv = require "moon.kv"
local log = require "moon.log"

local config = moon.config
for _, name in ipairs { "issuer", "audience" } do
  if config[name] == nil then
    error("[script.config] of login-jwt has no " .. name)
  end
end
if config.jwks == nil and config.jwks_url == nil then
  error("[script.config] of login-jwt has neither jwks nor jwks_url")
end
local algorithms = config.algorithms or { "RS256" }
local user_claim = config.user or "preferred_username"
local groups_claim = config.groups or "groups"

-- The keys: asked for once in ten minutes, for all VMs; nil and why.
local function keys(fresh)
  if config.jwks then
    return config.jwks
  end
  if not fresh then
    local kept = kv.get("jwks", { memory = true })
    if kept then
      return kept
    end
  end
  local answer, why = http.get(config.jwks_url, { timeout = "5s" })
  if not answer then
    return nil, why
  end
  local jwks = answer.ok and answer:json()
  if type(jwks) ~= "table" or type(jwks.keys) ~= "table" then
    return nil, "no key set at jwks_url, but status " .. answer.status
  end
  kv.set("jwks", jwks, { ttl = "10m", memory = true })
  return jwks
end

-- Asks for the keys anew at most once a minute: anybody can send a token with an unknown key.
local function may_ask_anew()
  return not config.jwks and kv.incr("anew", 1, { ttl = "1m", memory = true }) == 1
end

local function verify(token, jwks)
  return crypto.jwt_verify(token, {
    algorithms = algorithms,
    jwks = jwks,
    issuer = config.issuer,
    audience = config.audience,
  })
end

local function login(token)
  local jwks, unreachable = keys(false)
  if not jwks then
    return moon.tempfail("the keys cannot be had: " .. unreachable)
  end
  local claims, why = verify(token, jwks)
  if not claims and string.find(why, "no key has signed", 1, true) and may_ask_anew() then
    -- The provider may have changed its keys.
    jwks = keys(true)
    if jwks then
      claims, why = verify(token, jwks)
    end
  end
  if not claims then
    log.info("a token is not believed", { why = why })
    return moon.deny(why)
  end
  local user, subject = claims[user_claim], claims.sub
  if type(user) ~= "string" or user == "" or type(subject) ~= "string" then
    log.warn("a token has no sub or no name", { claim = user_claim })
    return moon.deny("the token names nobody")
  end
  local function text(name)
    return type(claims[name]) == "string" and claims[name] or nil
  end
  return moon.ok {
    user = user,
    subject = subject,
    display_name = text("name"),
    email = text("email"),
    groups = type(claims[groups_claim]) == "table" and claims[groups_claim] or nil,
  }
end

moon.on("auth.password", { timeout = "15s" }, function(ev)
  -- Only what has the form of a token is looked at: the rest may be somebody's password.
  if not string.match(ev.password:reveal(), "^eyJ[%w_-]*%.[%w_-]+%.[%w_-]+$") then
    return moon.next
  end
  return login(ev.password)
end)

moon.on("auth.token", { timeout = "15s" }, function(ev)
  if not string.match(ev.token:reveal(), "^eyJ[%w_-]*%.[%w_-]+%.[%w_-]+$") then
    return moon.next
  end
  return login(ev.token)
end)
