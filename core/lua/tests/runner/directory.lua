test("a directory has entries", function(t)
  t.ldap { { dn = "uid=alice,dc=x", password = "secret", cn = "Alice", memberOf = { "a", "b" } } }
  t.script("ldap.lua", { allow = { "ldap" } })
  t.eq(t.fire("auth.password", { user = "alice", password = "secret" }).groups, { "a", "b" })
  t.eq(t.fire("auth.password", { user = "alice", password = "other" }).kind, "deny")
  t.ldap { down = true }
  t.fails(function()
    t.fire("auth.password", { user = "alice", password = "secret" })
  end, "the directory is down")
end)
