local moon = require "moon"
moon.on("auth.password", function()
  return true
end)
