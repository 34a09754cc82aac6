-- office-hours: some groups log in and work only at certain times, or from certain networks.
--
-- Two places: login.success refuses a password (apps and browsers that come with one), and file.before_*
-- refuses changes of those who are in already, with app passwords and sessions, which ask nobody for a
-- password. Reading stays allowed: a device that syncs gets what others change.
--
-- [script.config]
--   zone      time zone of the hours ("local")
--   from, to  "07:00" and "19:00"; from after to goes over midnight
--   weekdays  days that count, 1 for Monday to 7 for Sunday ([1, 2, 3, 4, 5])
--   networks  addresses from which any time is right, as in ["10.0.0.0/8"]
--   users     ids of users whom nothing here is about, as in ["admin"]
--   message   what people read
-- allow       nothing
--
-- Example:
--   [[script]]
--   name = "office-hours"
--   path = "scripts/office-hours.lua"
--   [script.config]
--   zone = "Europe/Berlin"
--   from = "07:00"
--   to = "19:00"
--   networks = ["10.0.0.0/8"]
--   users = ["admin"]

local moon = require "moon"
local ip = require "moon.ip"
local time = require "moon.time"

local config = moon.config
local zone = config.zone or "local"
local networks = config.networks or {}
local message = config.message or "Outside of office hours files cannot be changed"

-- Minutes since midnight of "07:30".
local function minutes(name)
  local hour, minute = string.match(config[name] or "", "^(%d%d?):(%d%d)$")
  if not hour or tonumber(hour) > 24 or tonumber(minute) > 59 then
    error('[script.config] of office-hours: ' .. name .. ' must be a time such as "07:30"')
  end
  return tonumber(hour) * 60 + tonumber(minute)
end
local from, to = minutes("from"), minutes("to")

local days = {}
for _, day in ipairs(config.weekdays or { 1, 2, 3, 4, 5 }) do
  days[day] = true
end
local exempt = {}
for _, user in ipairs(config.users or {}) do
  exempt[user] = true
end

-- Slips in zone and networks are found when the script is loaded, not at night.
time.date(0, zone)
ip.matches("192.0.2.1", networks)

local function is_open()
  local now = time.date(time.now(), zone)
  local minute = now.hour * 60 + now.minute
  if from <= to then
    return days[now.weekday] and minute >= from and minute < to
  end
  -- Over midnight: the hours after it belong to the day before.
  if minute >= from then
    return days[now.weekday]
  end
  local before = now.weekday == 1 and 7 or now.weekday - 1
  return days[before] and minute < to
end

local function check(ev)
  if ev.user and exempt[ev.user] then
    return moon.next
  end
  if ev.remote_ip and ip.matches(ev.remote_ip, networks) then
    return moon.next
  end
  if is_open() then
    return moon.next
  end
  return moon.deny(message)
end

for _, event in ipairs {
  "login.success",
  "file.before_upload",
  "file.before_delete",
  "file.before_move",
  "file.before_copy",
  "file.before_mkdir",
} do
  moon.on(event, check)
end
