-- NAME: logins against an HTTP service. It gets {"user", "password"} and answers 200 with a JSON
-- document for whom it knows, and 401 or 403 for a wrong password.
local moon = require "moon"
local http = require "moon.http"

moon.on("auth.password", { timeout = "5s" }, function(req)
  local answer, err = http.post(moon.config.url, {
    json = { user = req.user, password = req.password:reveal() },
  })
  if not answer then return moon.tempfail("the login service does not answer: " .. err) end
  if answer.status == 401 or answer.status == 403 then return moon.deny("wrong password") end
  if answer.status == 404 then return moon.next end
  if not answer.ok then return moon.tempfail("the login service answers " .. answer.status) end
  local person = answer:json() or {}
  return moon.ok { user = req.user, display_name = person.name, email = person.email }
end)
