//! The part of `t` that fills and looks at the fakes: HTTP, LDAP, the log, figures.

use mlua::{Lua, Result, Table, Value};

use super::hands::data;
use crate::data::Data;
use crate::services::{Entry, Fakes, HttpAnswer};

fn refusal(text: impl Into<String>) -> mlua::Error {
    mlua::Error::runtime(text.into())
}

/// Adds `http`, `requests`, `ldap`, `log` and `metrics`.
pub(super) fn add_to(lua: &Lua, t: &Table, fakes: &Fakes) -> Result<()> {
    let at = fakes.clone();
    let http = move |_: &Lua, (method, url, answer): (String, String, Value)| {
        let answer = http_answer(&data("t.http", &answer)?)?;
        at.http.answer(&format!("{method} {url}"), answer);
        Ok(())
    };
    t.raw_set("http", lua.create_function(http)?)?;
    let at = fakes.clone();
    let requests = move |lua: &Lua, ()| {
        let list = lua.create_table()?;
        for request in at.http.requests() {
            let table = lua.create_table()?;
            table.raw_set("method", request.method.as_str())?;
            table.raw_set("url", request.url.as_str())?;
            table.raw_set("body", lua.create_string(&request.body)?)?;
            let headers = lua.create_table()?;
            for (name, value) in &request.headers {
                headers.raw_set(name.as_str(), lua.create_string(value.as_slice())?)?;
            }
            table.raw_set("headers", headers)?;
            list.raw_push(table)?;
        }
        Ok(list)
    };
    t.raw_set("requests", lua.create_function(requests)?)?;
    let at = fakes.clone();
    let ldap = move |_: &Lua, given: Value| fill(&at, &data("t.ldap", &given)?);
    t.raw_set("ldap", lua.create_function(ldap)?)?;
    let at = fakes.clone();
    t.raw_set("log", lua.create_function(move |_, ()| Ok(at.log.lines()))?)?;
    let at = fakes.clone();
    t.raw_set("metrics", lua.create_function(move |_, ()| Ok(at.metrics.samples()))?)
}

/// `{ status, headers, body }`, `json` in the place of the body, or `error` for no answer.
fn http_answer(data: &Data) -> Result<std::result::Result<HttpAnswer, String>> {
    let mut answer = HttpAnswer { status: 200, ..HttpAnswer::default() };
    for (name, value) in data.fields().unwrap_or_default() {
        match (name.as_str(), value) {
            ("error", Data::Text(why)) => return Ok(Err(why.clone())),
            ("status", Data::Int(status)) => {
                answer.status =
                    u16::try_from(*status).map_err(|_| refusal("t.http: no such status"))?;
            }
            ("body", body) if body.bytes().is_some() => {
                answer.body = body.bytes().unwrap_or_default().to_vec();
            }
            ("json", json) => {
                let json = serde_json::Value::try_from(json).map_err(refusal)?;
                answer.body = json.to_string().into_bytes();
                let kind = ("content-type".to_owned(), b"application/json".to_vec());
                answer.headers.push(kind);
            }
            ("headers", headers) if headers.fields().is_some() => {
                for (name, value) in headers.fields().unwrap_or_default() {
                    let value = value.bytes().unwrap_or_default().to_vec();
                    answer.headers.push((name.to_ascii_lowercase(), value));
                }
            }
            (name, value) => {
                let got = value.kind();
                return Err(refusal(format!(
                    "t.http: field '{name}' cannot be a {got}; there are status, headers, body, json, error"
                )));
            }
        }
    }
    Ok(Ok(answer))
}

/// `{ { dn = …, password = …, cn = …, memberOf = { … } }, …, down = true }`.
fn fill(fakes: &Fakes, given: &Data) -> Result<()> {
    if let Some(down) = given.get("down") {
        fakes.ldap.set_down(*down == Data::Bool(true));
        return Ok(());
    }
    let Data::List(entries) = given else {
        return Err(refusal("t.ldap takes a list of entries, or { down = true }"));
    };
    for given in entries {
        let Some(dn) = given.get("dn").and_then(Data::text) else {
            return Err(refusal("t.ldap: an entry has a dn"));
        };
        let mut entry = Entry { dn: dn.to_owned(), attributes: Vec::new() };
        for (name, value) in given.fields().unwrap_or_default() {
            let values = match value {
                _ if name == "dn" || name == "password" => continue,
                Data::List(list) => list.iter().map(Data::bytes).collect::<Option<Vec<_>>>(),
                one => one.bytes().map(|one| vec![one]),
            };
            let Some(values) = values else {
                return Err(refusal(format!("t.ldap: '{name}' of {dn} is a string or a list")));
            };
            let values = values.into_iter().map(<[u8]>::to_vec).collect();
            entry.attributes.push((name.clone(), values));
        }
        fakes.ldap.add(entry, given.get("password").and_then(Data::bytes));
    }
    Ok(())
}

/// Milliseconds of `2026-03-01T08:00:00Z`, or of a number of Unix seconds.
pub(super) fn time(value: &Value) -> Result<i64> {
    let wrong = || refusal("t.clock.set takes \"2026-03-01T08:00:00Z\", or Unix seconds");
    match data("t.clock.set", value)? {
        Data::Int(seconds) => seconds.checked_mul(1000).ok_or_else(wrong),
        Data::Text(text) => {
            let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
            Ok(time.as_millisecond())
        }
        _ => Err(wrong()),
    }
}
