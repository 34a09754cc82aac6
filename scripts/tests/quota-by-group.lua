local config = { default = "5 GB", groups = { staff = "50 GB", video = "unlimited" } }

test("the largest group counts", function(t)
  t.script("../quota-by-group.lua", { config = config })
  local answer = t.fire("user.load", { user = "ann", groups = { "staff" }, quota = 1000 })
  t.eq(answer, { kind = "replace", quota = 50000000000 })
  answer = t.fire("user.load", { user = "ann", groups = {}, quota = 1000 })
  t.eq(answer.quota, 5000000000)
  t.eq(t.fire("user.load", { user = "ann", groups = { "staff", "video" }, quota = 1000 }).kind, "replace")
end)

test("nobody gets less than they have", function(t)
  t.script("../quota-by-group.lua", { config = config })
  t.eq(t.fire("user.load", { user = "ann", groups = {}, quota = 6000000000 }).kind, "next")
end)

test("a quota that cannot be read is named", function(t)
  t.fails(function()
    t.script("../quota-by-group.lua", { config = { groups = { staff = "much" } } })
  end, "groups.staff must be bytes")
end)
