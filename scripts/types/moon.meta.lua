---@meta
-- made from the server's own tables; MOONSAIL_WRITE_STUBS=1 writes it anew

---@class Answer
---@class Secret
---@field reveal fun(self: Secret): string

---@class Connection
---@field [string] any
---@field search function (question: { base: string, filter: string?, scope: string?, attrs: { string }?, limit: number? }) -> { { [string]: any } } The entries, each with `dn` and its attributes: a string, or a list if there are several values (`ldap.all` and `ldap.first` even that out), spelled as in `attrs`. `scope` is "sub" (the default), "one" or "base"; `limit` 1000, at most 10,000.
---@field search_one function (question: { base: string, filter: string?, scope: string?, attrs: { string }? }) -> { [string]: any }? The one entry; nil if there is none. Several are an error: whose password it is would not be certain.

---@class Pool
---@field [string] any
---@field bind function (dn: string?, password: (string | Secret)?) -> (LdapConnection?, string?) Who searches: an entry, or nobody if nothing is given. nil and why if the directory refuses it or does not answer.
---@field check function (dn: string, password: string | Secret) -> boolean Whether the password is that of the entry. False for an empty one.

---@class Regex
---@field [string] any
---@field is_match function (text: string) -> boolean Whether it occurs in a text.
---@field find function (text: string, from: number?) -> (number?, number?) First and last position of the first match, at or after `from`; nil if there is none. An empty match ends before it begins.
---@field match function (text: string) -> { [number | string]: string }? The first match: the whole at 0, groups by number and, if they have one, by name. Groups that took no part are missing. nil if there is none.
---@field all function (text: string, limit: number?) -> { { [number | string]: string } } All matches as `match` has them, at most `limit` (10,000).
---@field replace function (text: string, by: string, limit: number?) -> string The text with matches replaced, all or the first few; `$1`, `$name` and `${name}` stand for groups, `$$` for a dollar.
---@field split function (text: string) -> { string } What is between the matches.

---@class Response
---@field [string] any
---@field json function () -> (any, string?) The body as `moon.json.decode` reads it; nil and why if it is no JSON.
---@field header function (name: string) -> string? A field of the answer, in any case; repeated ones with `, ` between. Beside it a response has `status`, `ok` (200 to 299), `body` and `url` (after redirects).

---@class Moon
---@field null any any Null of JSON: a field that is there and empty, where nil would be none.
---@field script any string The script's name in server.toml.
---@field config any { [string]: any } Its section [script.config], read-only.
---@field on function (event: string, options: any, handler: any) -> () Listens to an event: `moon.on(event, handler)`, or with { priority, timeout, on_error } between them.
---@field route function (method: string, pattern: string, options: any, handler: any) -> () Answers requests below /apps/NAME: `moon.route(method, pattern, handler)`, or with { auth, max_body, timeout, ocs } before the handler.
---@field every function (time: string | number, handler: (ev: any) -> ()) -> () Calls a function again and again, at least a second apart.
---@field sleep function (time: string | number) -> () Waits, at most an hour; others run meanwhile.
---@field secret function (name: string) -> Secret A secret of [script.secrets].
---@field next any Answer No opinion; the same as returning nothing.
---@field ok function (fields: { [string]: any }?) -> Answer It may happen; of logins, who it is.
---@field deny function (message: string, status: number?) -> Answer It must not happen, and why.
---@field tempfail function (message: string) -> Answer It cannot be decided now; clients try again.
---@field disabled any Answer The account may not log in.
---@field expired any Answer The password is right and must be changed.
---@field replace function (fields: { [string]: any }) -> Answer It happens with other values.
---@field block function (minutes: number) -> Answer Of login.failed: the address may not try for a while.
---@field respond function (response: { [string]: any }) -> Answer The answer to a request: { status, headers, body }, or json in the place of the body.
---@field redirect function (url: string) -> Answer The answer 302.
---@field ocs function (fields: { [string]: any }) -> Answer The answer of OCS: { data, status, message }.

---@class MoonCrypto
---@field sha1 function (data: string | Secret, encoding: string?) -> string SHA-1: for old formats, not for signatures.
---@field sha256 function (data: string | Secret, encoding: string?) -> string SHA-256.
---@field sha512 function (data: string | Secret, encoding: string?) -> string SHA-512.
---@field hmac function (digest: string, key: string | Secret, data: string | Secret, encoding: string?) -> string HMAC with "sha1", "sha256" or "sha512". Compare it with `equals`.
---@field equals function (a: string | Secret, b: string | Secret) -> boolean Whether two texts are equal, in a time that says nothing about where they differ.
---@field random function (bytes: number) -> string Random bytes, at most 1024.
---@field token function (bytes: number?) -> string A random token in base64url: 32 bytes if nothing is said, at least 16.
---@field uuid function () -> string A random UUID (version 4).
---@field hex_encode function (data: string) -> string In hexadecimal, lower case.
---@field hex_decode function (text: string) -> (string?, string?) Of hexadecimal; nil and why if it is none.
---@field base64_encode function (data: string) -> string In base64, padded.
---@field base64_decode function (text: string) -> (string?, string?) Of padded base64; nil and why if it is none.
---@field base64url_encode function (data: string) -> string In base64url, without padding.
---@field base64url_decode function (text: string) -> (string?, string?) Of base64url without padding; nil and why if it is none.
---@field encrypt function (key: string | Secret, data: string | Secret, context: string?) -> string AES-256-GCM with a random nonce in front. The key has 32 bytes: one that `random(32)` made, not a password. `decrypt` needs the same context.
---@field decrypt function (key: string | Secret, sealed: string, context: string?) -> (string?, string?) What `encrypt` was given; nil and why if anything was changed or the key is another.
---@field jwt_verify function (token: string | Secret, options: { algorithms: string | { string }, jwks: { [string]: any }?, secret: (string | Secret)?, issuer: (string | { string })?, audience: (string | { string })?, leeway: (string | number)?, require_exp: boolean? }) -> ({ [string]: any }?, string?) The claims of a signed token; nil and why if it is not to be believed. `algorithms` are those that may be used: RS256, ES256 and EdDSA with the keys of `jwks` (a decoded JWK set), HS256 with `secret`. A token with a `kid` is checked with that key alone. `exp` (which must be there unless `require_exp = false`) and `nbf` hold with `leeway` (60 s), `iss` and `aud` as given: a token that names an audience is refused if none is given here.

---@class MoonHttp
---@field request function (options: { url: string, method: string?, headers: { [string]: string | Secret }?, body: string?, json: any, form: { [string]: string }?, bearer: (string | Secret)?, basic: { user: string, password: string | Secret }?, timeout: (string | number)?, redirects: number? }) -> (Response?, string?) Sends a request. `json` and `form` set the body and its type; `bearer`, `basic` and the values of `headers` take secrets. `timeout` is at most 60 s, `redirects` at most 10 (5). After a redirect to another origin the credentials stay behind.
---@field get function (url: string, options: { [string]: any }?) -> (Response?, string?) `request` with the method GET; the options are the same.
---@field post function (url: string, options: { [string]: any }?) -> (Response?, string?) `request` with the method POST; the options are the same.

---@class MoonIp
---@field parse function (address: string) -> ({ address: string, family: number, private: boolean }?, string?) The address in its usual spelling, its family (4 or 6), and whether it is outside of the public Internet: private, loopback, link-local, multicast or reserved. nil and why if it is none.
---@field matches function (address: string, networks: string | { string }) -> boolean Whether an address is in a network, or in one of several: `10.0.0.0/8`, `2001:db8::/32`, or a single address. What is neither address nor network is an error, so a slip in a rule is never taken for "no".
---@field network function (address: string, bits4: number, bits6: number) -> string The network of an address with that many bits of prefix, by family: a key for rate limits.

---@class MoonJson
---@field encode function (value: any) -> string The value as JSON. Functions, secrets, numbers that are not finite, texts that are not UTF-8, and tables that are neither array nor object are errors that name the place.
---@field decode function (text: string) -> (any, string?) The value of a text; nil and why if it is no JSON. `null` is `json.null`, arrays keep being arrays when they are written again, and numbers are exact up to 2^53.
---@field array function (list: { any }?) -> { any } Marks a table, or a new one, as an array, also while it is empty. Gives it back.
---@field is_array function (value: any) -> boolean Whether a value is a table that is marked as an array.
---@field null any any Stands for `null`, since a table cannot hold nil. It is true in conditions.

---@class MoonKv
---@field get function (key: string, options: { memory: boolean? }?) -> any The value; nil if there is none or its time is over.
---@field set function (key: string, value: any, options: { ttl: (string | number)?, memory: boolean? }?) -> () Keeps a value, for `ttl` (seconds, or a text such as "5m") or until it is replaced. To remove one, call `delete`: nil is an error.
---@field delete function (key: string, options: { memory: boolean? }?) -> boolean Removes a value; whether there was one.
---@field incr function (key: string, by: number?, options: { ttl: (string | number)?, memory: boolean? }?) -> number Adds a whole number, 1 if none is given, and gives the sum. Begins at 0, with the `ttl`; later calls do not prolong it. Exact, however many VMs count.
---@field cas function (key: string, old: any, new: any, options: { ttl: (string | number)?, memory: boolean? }?) -> boolean Replaces `old` by `new` if `old` is what is kept; whether it was. nil as `old` stands for no value, nil as `new` removes.
---@field list function (prefix: string?, options: { after: string?, limit: number?, memory: boolean? }?) -> { string } The keys that begin with a prefix, in order of their bytes: at most `limit` (100, at most 1000), those after the key `after`.

---@class MoonLdap
---@field pool function (options: { url: string | { string }, starttls: boolean?, ca: string?, plaintext: boolean?, size: number?, timeout: (string | number)? }) -> LdapPool Connections to a directory, opened when they are needed: `ldaps://host`, or `ldap://host` with `starttls`; several addresses are tried in order. `ca` is a PEM text or the path of a PEM file; the system's if it is missing. `ldap://` without `starttls` needs `plaintext = true`. At most `size` (8) at a time; `timeout` (5 s) for each question.
---@field filter function (template: string, ...string) -> string A filter (RFC 4515) with each `%s` replaced by an escaped value; `%%` is a percent sign.
---@field escape_filter function (value: string) -> string A value inside a filter.
---@field escape_dn function (value: string) -> string A value inside a DN (RFC 4514).
---@field cn_of function (dns: (string | { string })?) -> { string } The first value of each DN: the groups' names of a `memberOf`. Empty for nil.
---@field all function (value: (string | { string })?) -> { string } An attribute's values as a list, however many there are.
---@field first function (value: (string | { string })?) -> string? An attribute's first value; nil if it has none.

---@class MoonLog
---@field debug function (message: string, fields: { [string]: any }?) -> () What only its author needs to know.
---@field info function (message: string, fields: { [string]: any }?) -> () What was done.
---@field warn function (message: string, fields: { [string]: any }?) -> () What somebody should look at.
---@field error function (message: string, fields: { [string]: any }?) -> () What failed.

---@class MoonMetrics
---@field count function (name: string, by: number?, labels: { [string]: string }?) -> () Adds to a counter, 1 if nothing is given; never less than 0.
---@field gauge function (name: string, value: number, labels: { [string]: string }?) -> () Sets what rises and falls.
---@field observe function (name: string, value: number, labels: { [string]: string }?) -> () Puts one of many observations, such as seconds, into a histogram.

---@class MoonMime
---@field by_name function (name: string) -> string? The type that a file's name suggests; nil if its ending is unknown.
---@field parse function (field: string) -> ({ type: string, parameters: { [string]: string } }?, string?) A `Content-Type` field: the type, and its parameters, with names in lower case. nil and why if it is none.
---@field matches function (type: string, patterns: string | { string }) -> boolean Whether a type, whose parameters do not count, is one of these: `text/plain`, `image/*`, `*/*`.

---@class MoonPassword
---@field verify function (password: string | Secret, hash: string | Secret) -> boolean Whether a hash was made from the password. A hash that is damaged, unknown or costs too much (over 256 MiB or some seconds) is an error, without the hash in it. An empty password is never right.
---@field hash function (password: string | Secret) -> string A new hash: Argon2id with 19 MiB, t = 2, p = 1, as the server's own accounts have.
---@field scheme function (hash: string | Secret) -> string? How a hash was made: "argon2", "bcrypt", "scrypt", "pbkdf2", "sha256-crypt", "sha512-crypt", "sha", "ssha" or "phpass"; nil if it is none of these.

---@class MoonPath
---@field clean function (path: string) -> (string?, string?) The path with one slash before each segment and none at its end; `/` for the root. nil and why if it has `..`, a control character or no UTF-8.
---@field join function (...string) -> (string?, string?) The pieces behind one another, cleaned.
---@field name function (path: string) -> string The last segment; empty for the root.
---@field parent function (path: string) -> string? The folder that it is in; nil for the root.
---@field stem function (path: string) -> string The name without its ending: `a.tar` of `a.tar.gz`, `.profile` of `.profile`.
---@field extension function (path: string) -> string The ending in lower case without the dot: `gz` of `A.TAR.GZ`, empty for `.profile`.
---@field segments function (path: string) -> { string } The names on the way, from the root.
---@field inside function (path: string, folder: string) -> boolean Whether a path is a folder or below it, by whole segments: `/ab` is not inside `/a`.

---@class MoonRatelimit
---@field take function (key: string, options: { limit: number, per: string | number, cost: number? }) -> (boolean, number) Takes `cost` (1) of the bucket. Gives true and 0, or, if there is not enough in it, false and the seconds after which there will be; nothing is taken then.

---@class MoonRegex
---@field compile function (pattern: string, options: { ignore_case: boolean?, multi_line: boolean?, dot_all: boolean? }?) -> Regex An expression. One that is wrong or too large is an error.
---@field escape function (text: string) -> string An expression that finds just this text.

---@class MoonTime
---@field now function () -> number The present moment.
---@field monotonic function () -> number Seconds since some moment: for measuring, since it never goes back.
---@field rfc3339 function (moment: number?) -> string A moment, or the present one, as `2026-01-02T03:04:05Z`; with milliseconds if it has some.
---@field http function (moment: number?) -> string A moment as HTTP has it (RFC 1123): `Fri, 02 Jan 2026 03:04:05 GMT`.
---@field parse function (text: string) -> (number?, string?) The moment of a text in the form of RFC 3339 or RFC 1123; nil and why if it is neither.
---@field duration function (span: string | number) -> number A span in seconds. Anything else is an error.
---@field date function (moment: number?, zone: string?) -> { year: number, month: number, day: number, hour: number, minute: number, second: number, weekday: number, yearday: number, offset: number, zone: string } What clock and calendar show at a moment in a zone: "UTC" (the default), "local", or a name such as "Europe/Berlin". `weekday` is 1 for Monday to 7 for Sunday, `offset` seconds east of UTC. An unknown zone is an error.

---@class MoonUrl
---@field parse function (url: string, base: string?) -> ({ url: string, scheme: string, host: string?, port: number?, path: string, query: string?, fragment: string?, user: string? }?, string?) The parts of a URL, or of one relative to a base. `port` is the scheme's if none is written; path, query and fragment stay escaped; a password is dropped. nil and why if it is none.
---@field escape function (text: string) -> string A text as one segment of a path or one value of a query: everything but letters, digits and `-._~` as `%XX`.
---@field unescape function (text: string) -> string `%XX` as the byte; `+` stays.
---@field query function (values: { [string]: string | number | boolean | { string } }) -> string A query or form of names and values, in order of the names; a list is its name repeated.
---@field parse_query function (query: string) -> { [string]: { string } } The values of a query or form by name, each a list, in order. `+` is a space.

---Whether a password is right. `moon.ok{ user, display_name, email, groups, quota }` says whose it is, `moon.deny` that it is wrong, `moon.next` that nobody of this name is known here.
---@class Event.auth.password
---@field user string what was typed for a name
---@field password Secret what was typed for a password

---Whose a token is. Not asked yet: bearer tokens are app passwords so far. The answers are those of auth.password.
---@class Event.auth.token
---@field kind string what kind of token: bearer
---@field token Secret the token

---What is known of an account now: `moon.ok{ user, display_name, … }`, `moon.disabled` if it may not log in, `moon.next` if there is none. Asked for each account that this script has let in, about once a minute, when it has a handler for this.
---@class Event.auth.lookup
---@field user string? the login, if it is looked for by that
---@field subject string? the id that moon.ok gave, if it is looked for by that

---Not asked yet, since nothing looks for accounts at providers. Accounts whose names have a text in them: a list of tables as in auth.lookup.
---@class Event.auth.search
---@field text string what to look for; empty for all
---@field limit number how many at most

---Not asked yet, since users cannot change the password of a provider. A user wants another password. `moon.ok()` if it is set, `moon.deny` with a sentence for the user, `moon.next` if the account is not known here.
---@class Event.auth.set_password
---@field user string the login
---@field old Secret? the password so far, if the user gave it
---@field new Secret the new one

---The script was loaded, in each of its VMs, and is not in service yet. An error keeps the one that was loaded before.
---@class Event.server.load
---@field generation number how many times it was loaded in this process
---@field state any what server.unload of the one before has returned

---Another generation takes over. What is returned is `state` in its server.load.
---@class Event.server.unload
---@field generation number how many times it was loaded in this process

---A request has come, and nobody has looked yet where it goes and whose it is. `deny` and `respond` answer it; `replace` sends it to another path or changes header fields.
---@class Event.request
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field method string the method, as it came
---@field path string the path, percent-encoded as it came (moon.replace may change it)
---@field query string? what follows the question mark
---@field host string the host by which the client knows the server
---@field tls boolean whether the client's connection is encrypted

---An answer is ready to be sent. `replace` sets header fields; those that belong to the connection or to the body cannot be set.
---@class Event.response
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field method string the request's method
---@field path string the request's path, percent-encoded as it came
---@field status number the HTTP status

---A password was right. `deny` refuses the login all the same, with 403. App passwords and sessions do not come here, nor a password that is believed from memory (`auth.login_cache_secs`).
---@class Event.login.success
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field login string what was typed for a name
---@field method string password
---@field provider string who said that the password is right

---A password was wrong, or its account is disabled. `replace` can keep the address away.
---@class Event.login.failed
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field login string what was typed for a name; perhaps a password, by mistake
---@field method string password
---@field reason string wrong or disabled
---@field block_secs number how long logins from this address are refused with 429, at most a day (only in moon.replace)

---An account is read for a request, or for its record. `replace` makes it another one for what follows; nothing is stored. What is known of an app password counts for a minute.
---@class Event.user.load
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field display_name string the name that people see (moon.replace may change it)
---@field quota number? bytes; null is unlimited (moon.replace may change it)
---@field groups string[] names of groups (moon.replace may change it)

---Somebody has logged in for the first time. Comes beside the answer, which does not wait.
---@class Event.user.first_login
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field display_name string the name that people see
---@field provider string who keeps the account's password

---An app is about to be given an app password. `deny` refuses it. Those made on the command line do not come here.
---@class Event.apppassword.create
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field name string what the app calls itself

---A file is about to be uploaded, and none of it is read yet. `deny` refuses it; `replace` stores it under another path. Of a chunked upload it comes when the upload begins, if the client says what for, and when it is put together.
---@class Event.file.before_upload
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string where, below the user's files (moon.replace may change it)
---@field size number? bytes, if the client says
---@field mime string media type by the name
---@field overwrite boolean whether a file is there
---@field chunked boolean whether it comes in chunks
---@field checksum string? TYPE:hex, if the client says
---@field mtime number? time of the last change in Unix seconds, if the client says

---A file has come whole and is on the disk, where nobody sees it yet. The event has its bytes. `deny` throws it away; of a chunked upload the chunks stay.
---@class Event.file.before_commit
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string where, below the user's files
---@field size number bytes
---@field mime string media type by the name
---@field overwrite boolean whether a file is there
---@field chunked boolean whether it came in chunks
---@field checksums string TYPE:hex, several with blanks between; SHA1 always
---@field mtime number? time of the last change in Unix seconds, if the client says

---A file is about to be sent, whole or in part. `deny` refuses it. What the client has already (304) does not come here.
---@class Event.file.before_download
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string which, below the user's files

---A file or folder is about to be deleted. `deny` refuses it.
---@class Event.file.before_delete
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string which, below the user's files

---A file or folder is about to be moved or renamed. `deny` refuses it; `replace` moves it to another path.
---@class Event.file.before_move
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string which, below the user's files
---@field to string where to (moon.replace may change it)
---@field overwrite boolean whether what is there may be replaced

---A file or folder is about to be copied. `deny` refuses it; `replace` copies it to another path.
---@class Event.file.before_copy
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string which, below the user's files
---@field to string where to (moon.replace may change it)
---@field overwrite boolean whether what is there may be replaced

---A folder is about to be made; also one above a file that is uploaded with X-NC-WebDAV-Auto-Mkcol. `deny` refuses it.
---@class Event.file.before_mkdir
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string where, below the user's files

---Properties are about to be changed. `deny` refuses all of them.
---@class Event.proppatch.before
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field path string of what, below the user's files
---@field set string[] names of properties that get a value, as {namespace}name
---@field remove string[] names of properties that are removed

---Something is about to be stored. `deny` refuses it; `replace` has it checked against another quota.
---@class Event.quota.check
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field used number bytes that count now
---@field quota number? bytes; null is unlimited (moon.replace may change it)
---@field need number? bytes that are to be stored, if they are known

---The capabilities are asked for, and the providers of moonsail.capabilities/1 have had their say. `replace` patches them (RFC 7396).
---@class Event.capabilities
---@field user string? id of the user who asks; null as long as nobody knows
---@field client string desktop, android, ios, web or other, by what the client says of itself
---@field capabilities string the document so far, as JSON
---@field patch string the patch, as JSON (only in moon.replace)
---@field ttl_secs number how long the patch counts for this user; 0 if it is missing (only in moon.replace)

---A folder was made.
---@class Event.file.created_dir
---@field seq number number of the change; one that is told again has the same
---@field user string? who did it
---@field origin string by what it came
---@field owner string whose files
---@field path string which, below the owner's files
---@field old_path string? where it was before

---A file was uploaded, new or over another one.
---@class Event.file.uploaded
---@field seq number number of the change; one that is told again has the same
---@field user string? who did it
---@field origin string by what it came
---@field owner string whose files
---@field path string which, below the owner's files
---@field old_path string? where it was before

---A file or folder was copied; this is the copy.
---@class Event.file.copied
---@field seq number number of the change; one that is told again has the same
---@field user string? who did it
---@field origin string by what it came
---@field owner string whose files
---@field path string which, below the owner's files
---@field old_path string? where it was before

---A file or folder was moved or renamed.
---@class Event.file.moved
---@field seq number number of the change; one that is told again has the same
---@field user string? who did it
---@field origin string by what it came
---@field owner string whose files
---@field path string which, below the owner's files
---@field old_path string? where it was before

---A file or folder was deleted.
---@class Event.file.deleted
---@field seq number number of the change; one that is told again has the same
---@field user string? who did it
---@field origin string by what it came
---@field owner string whose files
---@field path string which, below the owner's files
---@field old_path string? where it was before

---A file was changed on the disk by something else than the server.
---@class Event.file.changed
---@field seq number number of the change; one that is told again has the same
---@field user string? who did it
---@field origin string by what it came
---@field owner string whose files
---@field path string which, below the owner's files
---@field old_path string? where it was before

---@overload fun(name: "moon"): Moon
---@overload fun(name: "moon.crypto"): MoonCrypto
---@overload fun(name: "moon.http"): MoonHttp
---@overload fun(name: "moon.ip"): MoonIp
---@overload fun(name: "moon.json"): MoonJson
---@overload fun(name: "moon.kv"): MoonKv
---@overload fun(name: "moon.ldap"): MoonLdap
---@overload fun(name: "moon.log"): MoonLog
---@overload fun(name: "moon.metrics"): MoonMetrics
---@overload fun(name: "moon.mime"): MoonMime
---@overload fun(name: "moon.password"): MoonPassword
---@overload fun(name: "moon.path"): MoonPath
---@overload fun(name: "moon.ratelimit"): MoonRatelimit
---@overload fun(name: "moon.regex"): MoonRegex
---@overload fun(name: "moon.time"): MoonTime
---@overload fun(name: "moon.url"): MoonUrl
---@param name string
---@return any
function require(name) end
