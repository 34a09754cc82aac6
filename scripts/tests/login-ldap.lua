local options = {
  config = {
    url = "ldaps://ldap.example",
    bind_dn = "cn=reader,dc=x",
    base = "ou=people,dc=x",
    required = "cloud",
    groups = { ["cloud-staff"] = "staff" },
  },
  allow = { "ldap" },
  secrets = { bind = "reads" },
}

local function begin(t)
  t.script("../login-ldap.lua", options)
  t.ldap {
    { dn = "cn=reader,dc=x", password = "reads" },
    {
      dn = "uid=ann,ou=people,dc=x",
      password = "blue teapot",
      uid = "ann",
      entryUUID = "u-1",
      cn = "Ann A.",
      memberOf = { "cn=cloud,ou=groups,dc=x", "cn=cloud-staff,ou=groups,dc=x", "cn=parking,ou=groups,dc=x" },
    },
    { dn = "uid=bob,ou=people,dc=x", password = "b", uid = "bob", memberOf = "cn=parking,ou=groups,dc=x" },
  }
end

test("groups are mapped", function(t)
  begin(t)
  local answer = t.fire("auth.password", { user = "ann", password = "blue teapot" })
  t.eq(answer, { kind = "ok", user = "ann", subject = "u-1", display_name = "Ann A.", groups = { "staff" } })
end)

test("who may not come in does not", function(t)
  begin(t)
  t.eq(t.fire("auth.password", { user = "ann", password = "wrong" }).kind, "deny")
  t.eq(t.fire("auth.password", { user = "bob", password = "b" }).kind, "disabled")
  t.eq(t.fire("auth.password", { user = "carl", password = "c" }).kind, "next")
  t.eq(t.fire("auth.lookup", { user = "bob" }).kind, "disabled")
end)

test("a directory that is down denies nobody", function(t)
  begin(t)
  t.ldap { down = true }
  t.eq(t.fire("auth.password", { user = "ann", password = "blue teapot" }).kind, "tempfail")
end)
