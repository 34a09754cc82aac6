local moon = require "moon"
local ldap = require "moon.ldap"
local pool = ldap.pool { url = "ldaps://ldap.example" }

moon.on("auth.password", function(req)
  local dn = "uid=" .. req.user .. ",dc=x"
  if not pool:check(dn, req.password) then return moon.deny("wrong password") end
  local connection = pool:bind(dn, req.password)
  local entry = connection:search_one { base = dn, filter = ldap.filter("(cn=%s)", "Alice") }
  if not entry then return moon.tempfail("no entry") end
  return moon.ok { user = req.user, groups = entry.memberOf }
end)
