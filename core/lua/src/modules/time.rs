//! `moon.time`: the time, and its texts.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use mlua::{Lua, Result, Table};

use super::args::{Args, Given};
use super::build::{Builder, failed};
use super::{ItemDoc, Module};
use crate::site::Site;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.time",
    doc: "The time. Moments are seconds since 1970 in UTC, with a fraction; spans are seconds, or texts such as \
          \"250ms\", \"5m\", \"1h30m\", \"2d\". In tests of scripts the clock stands until it is moved.",
    items: &[
        ItemDoc { name: "now", signature: "() -> number", doc: "The present moment.", grant: "" },
        ItemDoc {
            name: "monotonic",
            signature: "() -> number",
            doc: "Seconds since some moment: for measuring, since it never goes back.",
            grant: "",
        },
        ItemDoc {
            name: "rfc3339",
            signature: "(moment: number?) -> string",
            doc: "A moment, or the present one, as `2026-01-02T03:04:05Z`; with milliseconds if it has some.",
            grant: "",
        },
        ItemDoc {
            name: "http",
            signature: "(moment: number?) -> string",
            doc: "A moment as HTTP has it (RFC 1123): `Fri, 02 Jan 2026 03:04:05 GMT`.",
            grant: "",
        },
        ItemDoc {
            name: "parse",
            signature: "(text: string) -> (number?, string?)",
            doc: "The moment of a text in the form of RFC 3339 or RFC 1123; nil and why if it is neither.",
            grant: "",
        },
        ItemDoc {
            name: "duration",
            signature: "(span: string | number) -> number",
            doc: "A span in seconds. Anything else is an error.",
            grant: "",
        },
        ItemDoc {
            name: "date",
            signature: "(moment: number?, zone: string?) -> { year: number, month: number, day: number, hour: number, minute: number, second: number, weekday: number, yearday: number, offset: number, zone: string }",
            doc: "What clock and calendar show at a moment in a zone: \"UTC\" (the default), \"local\", or a name \
                  such as \"Europe/Berlin\". `weekday` is 1 for Monday to 7 for Sunday, `offset` seconds east of \
                  UTC. An unknown zone is an error.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("now", |_, site, _| Ok(site.services.clock.millis() as f64 / 1000.0))?
        .function("monotonic", |_, site, _| Ok(site.services.clock.monotonic() as f64 / 1000.0))?
        .function("rfc3339", |_, site, mut args| {
            Ok(moment(site, &args.take("moment"))?.to_string())
        })?
        .function("http", |_, site, mut args| {
            let given = args.take("moment");
            let moment = moment(site, &given)?;
            let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment);
            text.map_err(|error| given.bad(error))
        })?
        .function("parse", |lua, _, args| parse(lua, args))?
        .function("duration", |_, _, mut args| Ok(args.take("span").duration()?.as_secs_f64()))?
        .function("date", date)?
        .table())
}

/// A moment, or the present one.
fn moment(site: &Site, given: &Given) -> Result<Timestamp> {
    let millis = match given.value().is_nil() {
        true => site.services.clock.millis() as f64,
        false => given.number()? * 1000.0,
    };
    Timestamp::from_millisecond(millis.round() as i64)
        .map_err(|_| given.bad("is out of range: years -9999 to 9999"))
}

fn parse(lua: &Lua, mut args: Args) -> Result<(Option<f64>, Option<String>)> {
    let text = args.take("text").text()?;
    let stamp = text.parse::<Timestamp>();
    let stamp = stamp.or_else(|_| rfc2822::DateTimeParser::new().parse_timestamp(&text));
    match stamp {
        Ok(stamp) => Ok((Some(stamp.as_millisecond() as f64 / 1000.0), None)),
        Err(_) => failed(lua, "neither RFC 3339 nor RFC 1123"),
    }
}

fn date(lua: &Lua, site: &Site, mut args: Args) -> Result<Table> {
    let stamp = moment(site, &args.take("moment"))?;
    let given = args.take("zone");
    let name = match given.value().is_nil() {
        true => "UTC".to_owned(),
        false => given.text()?,
    };
    let zone = match name.as_str() {
        "UTC" => TimeZone::UTC,
        "local" => TimeZone::system(),
        name => TimeZone::get(name).map_err(|_| {
            given.bad(format!(
                "is {name:?}, which this system does not know (package tzdata has all)"
            ))
        })?,
    };
    let zoned = stamp.to_zoned_datetime(zone);
    let date = lua.create_table()?;
    date.raw_set("year", zoned.year())?;
    date.raw_set("month", zoned.month())?;
    date.raw_set("day", zoned.day())?;
    date.raw_set("hour", zoned.hour())?;
    date.raw_set("minute", zoned.minute())?;
    date.raw_set("second", zoned.second())?;
    date.raw_set("weekday", zoned.weekday().to_monday_one_offset())?;
    date.raw_set("yearday", zoned.day_of_year())?;
    date.raw_set("offset", zoned.offset().seconds())?;
    date.raw_set("zone", name)?;
    Ok(date)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn moments_have_texts() {
        let bench = Bench::new(&[]);
        bench
            .check(
                "moon.time",
                &[
                    ("return time.now(), time.monotonic()", "1767323045, 0"),
                    ("return time.rfc3339(), time.rfc3339(0.25)", "2026-01-02T03:04:05Z, 1970-01-01T00:00:00.25Z"),
                    ("return time.http(), time.http(784111777)", "Fri, 02 Jan 2026 03:04:05 GMT, Sun, 06 Nov 1994 08:49:37 GMT"),
                    ("return time.parse('2026-01-02T04:04:05+01:00')", "1767323045, nil"),
                    ("return time.parse('2026-01-02T03:04:05.5Z')", "1767323045.5, nil"),
                    ("return time.parse('Fri, 02 Jan 2026 03:04:05 GMT')", "1767323045, nil"),
                    ("return time.parse('tomorrow')", "nil, neither RFC 3339 nor RFC 1123"),
                    ("return time.parse('2026-02-30T00:00:00Z')", "nil, neither RFC 3339 nor RFC 1123"),
                    ("return time.duration('1h30m'), time.duration(5)", "5400, 5"),
                    ("time.duration('x')", "moon.time.duration: parameter 'span' is no span of time"),
                    ("time.http('x')", "moon.time.http: parameter 'moment' must be a number, got string"),
                    ("time.rfc3339(1e300)", "is out of range"),
                    ("local d = time.date() return d.year, d.month, d.day, d.hour, d.weekday, d.yearday", "2026, 1, 2, 3, 5, 2"),
                    ("return time.date(0, 'local').zone, time.date(0).offset", "local, 0"),
                    ("time.date(0, 'Mars/Phobos')", "parameter 'zone' is \"Mars/Phobos\""),
                    ("time.date(0, '../../etc/passwd')", "which this system does not know"),
                ],
            )
            .await;
        bench.fakes.clock.advance(Duration::from_millis(1500));
        let code = "local time = require 'moon.time' return time.now(), time.monotonic()";
        assert_eq!(bench.text(code).await, "1767323046.5, 1.5");
    }
}
