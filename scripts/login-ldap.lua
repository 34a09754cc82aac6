-- login-ldap: people log in with the password that they have in a directory, and their groups there
-- become groups here by a table of yours. (The plugin auth-ldap does more: nested groups, disabled
-- accounts, diff. This is for those who want to bend the rules in a few lines.)
--
-- [script.config]
--   url        "ldaps://HOST", "ldap://HOST", or a list of them that is tried in order
--   starttls   true encrypts ldap:// before anything is said
--   ca         path of a PEM file with the directory's authority; left out: the system's
--   bind_dn    the entry that searches
--   base       below which people are
--   login      attribute that logs in ("uid")
--   id         attribute that never changes ("entryUUID")
--   display_name, email  attributes ("cn", "mail")
--   groups     { "name in the directory" = "name here" }: only these are taken over, by the first value
--              of each memberOf. Left out: all, by their own names.
--   required   a group of the directory without which nobody comes in
-- [script.secrets]
--   bind       password of bind_dn
-- allow        "ldap"
--
-- Example:
--   [auth]
--   chain = ["lua:login-ldap", "builtin:users"]
--
--   [[script]]
--   name = "login-ldap"
--   path = "scripts/login-ldap.lua"
--   allow = ["ldap"]
--   [script.config]
--   url = "ldaps://ldap.example.org"
--   bind_dn = "cn=reader,dc=example,dc=org"
--   base = "ou=people,dc=example,dc=org"
--   required = "cloud-users"
--   [script.config.groups]
--   cloud-staff = "staff"
--   cloud-admins = "team leads"
--   [script.secrets]
--   bind = { file = "ldap-password" }

local moon = require "moon"
local ldap = require "moon.ldap"

local config = moon.config
for _, name in ipairs { "url", "bind_dn", "base" } do
  if config[name] == nil then
    error("[script.config] of login-ldap has no " .. name)
  end
end
local bind_password = moon.secret("bind")
local login = config.login or "uid"
local id = config.id or "entryUUID"
local display_name = config.display_name or "cn"
local email = config.email or "mail"

-- Opened when somebody logs in, not now.
local pool = ldap.pool {
  url = config.url,
  starttls = config.starttls,
  ca = config.ca,
  plaintext = config.plaintext,
  timeout = "5s",
}

-- The names that groups have here.
local function groups_of(entry)
  local here = {}
  for _, name in ipairs(ldap.cn_of(entry.memberOf)) do
    if config.groups == nil then
      table.insert(here, name)
    elseif config.groups[name] ~= nil then
      table.insert(here, config.groups[name])
    end
  end
  table.sort(here)
  return here
end

local function may_come_in(entry)
  if config.required == nil then
    return true
  end
  for _, name in ipairs(ldap.cn_of(entry.memberOf)) do
    if name == config.required then
      return true
    end
  end
  return false
end

-- Finds one entry; nil and the reason if the directory does not answer.
local function find(filter)
  local connection, why = pool:bind(config.bind_dn, bind_password)
  if not connection then
    return nil, why
  end
  -- Several entries are an error of search_one, which is a temporary failure of the login.
  return connection:search_one {
    base = config.base,
    filter = filter,
    attrs = { login, id, display_name, email, "memberOf" },
  }
end

local function account(entry, typed)
  return {
    user = ldap.first(entry[login]) or typed,
    subject = ldap.first(entry[id]) or entry.dn,
    display_name = ldap.first(entry[display_name]),
    email = ldap.first(entry[email]),
    groups = groups_of(entry),
  }
end

moon.on("auth.password", { timeout = "15s" }, function(ev)
  local entry, why = find(ldap.filter("(" .. login .. "=%s)", ev.user))
  if not entry then
    if why then
      return moon.tempfail("the directory does not answer: " .. why)
    end
    return moon.next -- nobody of this name here
  end
  if not pool:check(entry.dn, ev.password) then
    return moon.deny("wrong password")
  end
  if not may_come_in(entry) then
    return moon.disabled
  end
  return moon.ok(account(entry, ev.user))
end)

-- Asked about once a minute for whoever is in: who was taken out of `required` is out then.
moon.on("auth.lookup", { timeout = "15s" }, function(ev)
  local filter
  if ev.subject then
    filter = ldap.filter("(" .. id .. "=%s)", ev.subject)
  else
    filter = ldap.filter("(" .. login .. "=%s)", ev.user)
  end
  local entry, why = find(filter)
  if not entry then
    if why then
      return moon.tempfail("the directory does not answer: " .. why)
    end
    return moon.next
  end
  if not may_come_in(entry) then
    return moon.disabled
  end
  return moon.ok(account(entry, ev.user))
end)
