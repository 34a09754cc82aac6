-- What a right token is worth is checked where keys can be made: core/lua/tests/shipped/logins.rs.
local url = "https://idp.example/keys"
local options = {
  config = { jwks_url = url, algorithms = { "EdDSA" }, issuer = "https://idp.example", audience = "moonsail" },
  allow = { "http:idp.example", "kv" },
}
-- The public key of RFC 8037, appendix A.2.
local keys = { keys = { { kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } } }
local forged = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.AAAA"

test("a password is left to others, and nobody is asked", function(t)
  t.script("../login-jwt.lua", options)
  t.eq(t.fire("auth.password", { user = "ann", password = "blue teapot" }).kind, "next")
  t.eq(#t.requests(), 0)
end)

test("a forged token is denied, and keys are asked for at most once more", function(t)
  t.script("../login-jwt.lua", options)
  t.http("GET", url, { json = keys })
  t.http("GET", url, { json = keys })
  for _ = 1, 3 do
    t.eq(t.fire("auth.password", { user = "ann", password = forged }).kind, "deny")
  end
  t.eq(#t.requests(), 2)
end)

test("without the keys it cannot be decided", function(t)
  t.script("../login-jwt.lua", options)
  t.http("GET", url, { status = 500 })
  t.eq(t.fire("auth.password", { user = "ann", password = forged }).kind, "tempfail")
end)
