-- quota-by-group: how much somebody may store depends on the groups.
--
-- The largest quota of the groups counts; nobody's own is made smaller unless `override` says so.
-- Nothing is stored: take the script out, and everybody has again what they had.
--
-- [script.config]
--   groups    bytes, or a text such as "50 GB" or "unlimited", by the group's name
--   default   for whom no group counts; left out: what they have anyway
--   override  true: the groups' quota counts even where somebody's own is larger (false)
-- allow       nothing
--
-- Example:
--   [[script]]
--   name = "quota-by-group"
--   path = "scripts/quota-by-group.lua"
--   [script.config]
--   default = "5 GB"
--   [script.config.groups]
--   staff = "50 GB"
--   video = "unlimited"

local moon = require "moon"

local config = moon.config
local unlimited = math.huge
local units = { B = 1, KB = 1000, MB = 1000 ^ 2, GB = 1000 ^ 3, TB = 1000 ^ 4 }

local function bytes(name, given)
  if type(given) == "number" then
    return given
  end
  if given == "unlimited" then
    return unlimited
  end
  local number, unit = string.match(tostring(given), "^([%d.]+) ?(%u+)$")
  if not tonumber(number) or not units[unit] then
    error('[script.config] of quota-by-group: ' .. name .. ' must be bytes, "50 GB" or "unlimited"')
  end
  return math.floor(tonumber(number) * units[unit])
end

local by_group = {}
for group, quota in pairs(config.groups or {}) do
  by_group[group] = bytes("groups." .. group, quota)
end
local default = nil
if config.default ~= nil then
  default = bytes("default", config.default)
end

moon.on("user.load", function(ev)
  local wanted = nil
  for _, group in ipairs(ev.groups) do
    local quota = by_group[group]
    if quota and (wanted == nil or quota > wanted) then
      wanted = quota
    end
  end
  wanted = wanted or default
  if wanted == nil then
    return moon.next
  end
  local own = ev.quota or unlimited -- nil is unlimited
  if not config.override and own ~= unlimited and own > wanted then
    return moon.next
  end
  if wanted == unlimited then
    return moon.replace { quota = moon.null }
  end
  return moon.replace { quota = wanted }
end)
