-- branding: the name, colour and logo that apps show, for some users others if you like.
--
-- [script.config]
--   name, slogan, color, url, logo, background, "color-text"
--            as the apps' document of capabilities has them in `theming`; color is "#rrggbb"
--   users    a table of the same keys by the user's id, which counts before the others
-- allow      nothing
--
-- Example:
--   [[script]]
--   name = "branding"
--   path = "scripts/branding.lua"
--   [script.config]
--   name = "Files of Example Inc."
--   slogan = "All in one place"
--   color = "#0a5c36"
--   url = "https://example.org"

local moon = require "moon"

local config = moon.config
local keys = { "name", "slogan", "color", "url", "logo", "background", "color-text" }

-- What is to be shown, checked when the script is loaded.
local function theme(given, where)
  local found = {}
  for _, key in ipairs(keys) do
    local value = given[key]
    if value ~= nil then
      if type(value) ~= "string" then
        error("[script.config] of branding: " .. where .. key .. " must be a text")
      end
      local is_color = key == "color" or key == "color-text"
      if is_color and not string.match(value, "^#%x%x%x%x%x%x$") then
        error("[script.config] of branding: " .. where .. key .. ' must be a colour such as "#0a5c36"')
      end
      found[key] = value
    end
  end
  return found
end

local all = theme(config, "")
local own = {}
for user, given in pairs(config.users or {}) do
  own[user] = theme(given, "users." .. user .. ".")
end

moon.on("capabilities", function(ev)
  local patch = {}
  for key, value in pairs(all) do
    patch[key] = value
  end
  if ev.user and own[ev.user] then
    for key, value in pairs(own[ev.user]) do
      patch[key] = value
    end
  end
  if next(patch) == nil then
    return moon.next
  end
  return { theming = patch }, "5m"
end)
