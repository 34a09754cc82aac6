-- NAME: the name and the colour that apps show.
local moon = require "moon"

moon.on("capabilities", function(ev)
  return { theming = { name = moon.config.name, color = moon.config.color } }, "5m"
end)
