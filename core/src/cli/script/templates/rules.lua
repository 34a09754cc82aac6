-- NAME: refuses files by the ending of their name.
local moon = require "moon"

moon.on("file.before_upload", function(ev)
  local ending = string.match(string.lower(ev.path), "%.([^./]+)$")
  for _, refused in ipairs(moon.config.refused or {}) do
    if ending == refused then return moon.deny("Files of the type ." .. refused .. " are not kept here") end
  end
end)
