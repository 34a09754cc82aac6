//! The request that a script describes.

use base64::Engine;
use mlua::{Lua, Result, Value};
use zeroize::Zeroizing;

use crate::modules::args::{Args, Given, Options};
use crate::modules::json::encode;
use crate::services::{HttpRequest, Reach};

/// Bytes of a body, in either direction.
const MOST: usize = 8 << 20;
/// Fields that the client sets by itself, or that speak of the connection.
const OURS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

/// The request, its address not yet asked about, and how many redirects it may follow.
pub(super) fn read(
    lua: &Lua,
    args: &mut Args,
    url: Option<String>,
    method: Option<&str>,
) -> Result<(HttpRequest, usize)> {
    const KNOWN: [&str; 10] = [
        "timeout",
        "headers",
        "body",
        "json",
        "form",
        "bearer",
        "basic",
        "redirects",
        "method",
        "url",
    ];
    let known = if url.is_some() { &KNOWN[..8] } else { &KNOWN };
    let options = args.take("options").options(known)?;
    let url = url.map_or_else(|| options.take("url")?.text(), Ok)?;
    let method = match method {
        Some(method) => method.to_owned(),
        None => options.maybe("method", self::method)?.unwrap_or_else(|| "GET".to_owned()),
    };
    let mut headers = Vec::new();
    if let Some(given) = options.take("headers")?.or_none() {
        for pair in given.table()?.pairs::<String, Value>() {
            let (name, value) = pair.map_err(|_| given.wrong("a table with named fields"))?;
            let value = given.field(&name, value).sensitive()?;
            headers.push(field(&given, &name, value)?);
        }
    }
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(value) = authorization(&options)? {
        headers.push(("authorization".to_owned(), value));
    }
    let body = body(lua, args, &options, &mut headers)?;
    let timeout = options.take("timeout")?;
    let span = match timeout.value().is_nil() {
        true => std::time::Duration::from_secs(10),
        false => timeout.duration()?,
    };
    if span.is_zero() || span.as_secs() > 60 {
        return Err(timeout.bad("must be more than 0 and at most 60 s"));
    }
    let redirects = options.maybe("redirects", |given| given.integer(0, 10))?.unwrap_or(5);
    let request =
        HttpRequest { method, url, headers, body, timeout: span, most: MOST, reach: Reach::Public };
    Ok((request, usize::try_from(redirects).unwrap_or(0)))
}

fn method(given: &Given) -> Result<String> {
    let method = given.text()?.to_ascii_uppercase();
    let good = !method.is_empty()
        && method.len() <= 20
        && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    match good && method != "CONNECT" && method != "TRACE" {
        true => Ok(method),
        false => Err(given.bad(format!("is {method:?}, which is no method for this"))),
    }
}

type Field = (String, Zeroizing<Vec<u8>>);

fn field(given: &Given, name: &str, value: Zeroizing<Vec<u8>>) -> Result<Field> {
    let lower = name.to_ascii_lowercase();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if lower.is_empty() || !lower.bytes().all(token) {
        return Err(given.bad(format!("has {name:?}, which is no name of a field")));
    }
    if OURS.contains(&lower.as_str()) {
        return Err(given.bad(format!("has '{name}', which the client sets by itself")));
    }
    if value.iter().any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f) {
        return Err(given.bad(format!("has a control character in the value of '{name}'")));
    }
    Ok((lower, value))
}

fn authorization(options: &Options) -> Result<Option<Zeroizing<Vec<u8>>>> {
    if let Some(given) = options.take("bearer")?.or_none() {
        let token = given.sensitive()?;
        let value = Zeroizing::new([b"Bearer ".as_slice(), &token].concat());
        return field(&given, "authorization", value).map(|(_, value)| Some(value));
    }
    let Some(given) = options.take("basic")?.or_none() else { return Ok(None) };
    let basic = given.options(&["user", "password"])?;
    let user = basic.take("user")?;
    let name = user.text()?;
    if name.contains(':') {
        return Err(user.bad("has a colon"));
    }
    let password = basic.take("password")?.sensitive()?;
    let pair = Zeroizing::new([name.as_bytes(), b":", &password].concat());
    let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*pair));
    Ok(Some(Zeroizing::new([b"Basic ".as_slice(), encoded.as_bytes()].concat())))
}

fn body(_: &Lua, args: &Args, options: &Options, headers: &mut Vec<Field>) -> Result<Vec<u8>> {
    let (raw, json, form) = (options.take("body")?, options.take("json")?, options.take("form")?);
    let given = [&raw, &json, &form].iter().filter(|it| !it.value().is_nil()).count();
    if given > 1 {
        return Err(args.error("only one of body, json and form can be sent"));
    }
    let (body, kind) = if let Some(json) = json.or_none() {
        let text =
            encode::encode(json.value(), "options.json").map_err(|problem| args.error(problem))?;
        (text, Some("application/json"))
    } else if let Some(form) = form.or_none() {
        let text = crate::modules::url::query(&form)?;
        (text.into_bytes(), Some("application/x-www-form-urlencoded"))
    } else if let Some(raw) = raw.or_none() {
        (raw.bytes()?.as_bytes().to_vec(), None)
    } else {
        (Vec::new(), None)
    };
    if body.len() > MOST {
        return Err(args.error(format!("the body has more than {MOST} bytes")));
    }
    if let Some(kind) = kind
        && !headers.iter().any(|(name, _)| name == "content-type")
    {
        headers.push(("content-type".to_owned(), Zeroizing::new(kind.as_bytes().to_vec())));
    }
    Ok(body)
}
