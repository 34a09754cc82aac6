//! From what a handler returned to what the core wants to know.

use moonsail_lua::Data;
use moonsail_lua::script::{Answer, Kind, Returned};
use moonsail_sdk::auth::{Account, Identity};
use moonsail_sdk::hooks::{Decision, Fields, Response, Value};

use crate::hooks::{EventId, EventSpec};

/// Why an answer is none, for the log; or that the script cannot answer now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// `moon.tempfail`.
    Later(String),
    /// Something else than the event takes.
    Wrong(String),
}

fn wrong(text: impl Into<String>) -> NoAnswer {
    NoAnswer::Wrong(text.into())
}

/// A hook's decision.
pub(super) fn decision(spec: &EventSpec, returned: Returned) -> Result<Decision, NoAnswer> {
    match returned {
        Returned::Answer(Answer { kind, data }) => match kind {
            Kind::Next => Ok(Decision::Next),
            Kind::Ok => Ok(Decision::Allow),
            Kind::Deny => {
                let status = match data.get("status") {
                    Some(Data::Int(status)) => u16::try_from(*status).ok(),
                    _ => None,
                };
                Ok(Decision::Deny { status, message: text_of(&data, "message") })
            }
            Kind::Tempfail => Err(NoAnswer::Later(text_of(&data, "message"))),
            Kind::Replace => Ok(Decision::Replace(replaced(spec, &data)?)),
            Kind::Respond => Ok(Decision::Respond(response(&data)?)),
            other => {
                Err(wrong(format!("returned {}, which the event does not take", other.name())))
            }
        },
        Returned::Values(values) if spec.id == EventId::Capabilities => patch(&values),
        Returned::Values(values) => {
            let kind = values.first().map_or("nothing", Data::kind);
            Err(wrong(format!(
                "returned a {kind}; return moon.next, moon.ok(), moon.deny(\"why\") or moon.replace{{ … }}"
            )))
        }
    }
}

fn text_of(data: &Data, name: &str) -> String {
    data.get(name).and_then(Data::text).unwrap_or_default().to_owned()
}

/// `return { theming = { name = "x" } }, "5m"`.
fn patch(values: &[Data]) -> Result<Decision, NoAnswer> {
    let Some(patch) = values.first().filter(|data| data.fields().is_some()) else {
        return Err(wrong("a patch of the capabilities is a table"));
    };
    let json = serde_json::Value::try_from(patch).map_err(wrong)?;
    let mut fields = Fields::new().with("patch", json.to_string());
    if let Some(ttl) = values.get(1).filter(|data| **data != Data::Null) {
        let Some(ttl) = moonsail_lua::script::duration(ttl) else {
            return Err(wrong(
                "the second value, how long the patch counts, is a time such as \"5m\"",
            ));
        };
        fields.set("ttl_secs", ttl.as_secs());
    }
    Ok(Decision::Replace(fields))
}

fn replaced(spec: &EventSpec, data: &Data) -> Result<Fields, NoAnswer> {
    let mut fields = Fields::new();
    for (name, value) in data.fields().unwrap_or_default() {
        match value {
            Data::Map(inner) if spec.field(name).is_none() => {
                for (below, value) in inner {
                    let name = format!("{name}.{below}");
                    let value = hook_value(&name, value)?;
                    fields.set(name, value);
                }
            }
            value => fields.set(name.clone(), hook_value(name, value)?),
        }
    }
    Ok(fields)
}

fn hook_value(name: &str, value: &Data) -> Result<Value, NoAnswer> {
    Ok(match value {
        Data::Null => Value::Null,
        Data::Bool(value) => Value::Bool(*value),
        Data::Int(value) => Value::Int(*value),
        Data::Text(text) => Value::Text(text.clone()),
        Data::List(list) => {
            let text = |item: &Data| match item {
                Data::Text(text) => Ok(text.clone()),
                other => {
                    let got = other.kind();
                    Err(wrong(format!(
                        "field '{name}' must be a list of strings, got a {got} in it"
                    )))
                }
            };
            Value::List(list.iter().map(text).collect::<Result<_, _>>()?)
        }
        other => return Err(wrong(format!("field '{name}' cannot be a {}", other.kind()))),
    })
}

/// `moon.respond{ status, headers, body }`, or `json` in the place of the body.
pub(super) fn response(data: &Data) -> Result<Response, NoAnswer> {
    let mut response = Response { status: 200, ..Response::default() };
    for (name, value) in data.fields().unwrap_or_default() {
        let bad = |wanted: &str| {
            wrong(format!("moon.respond: field '{name}' must be {wanted}, got {}", value.kind()))
        };
        match (name.as_str(), value) {
            ("status", Data::Int(status)) => {
                response.status = u16::try_from(*status).map_err(|_| bad("200 to 599"))?;
            }
            ("status", _) => return Err(bad("a number")),
            ("body", value) => {
                response.body = value.bytes().ok_or_else(|| bad("a string"))?.to_vec();
            }
            ("json", value) => {
                let json = serde_json::Value::try_from(value).map_err(wrong)?;
                response.body = json.to_string().into_bytes();
                response
                    .headers
                    .push(("content-type".into(), "application/json; charset=utf-8".into()));
            }
            ("headers", value) => {
                for (field, value) in value.fields().ok_or_else(|| bad("a table"))? {
                    let text = match value {
                        Data::Text(text) => text.clone(),
                        Data::Int(number) => number.to_string(),
                        _ => {
                            return Err(wrong(format!(
                                "moon.respond: header '{field}' must be a string"
                            )));
                        }
                    };
                    response.headers.push((field.to_ascii_lowercase(), text));
                }
            }
            _ => {
                return Err(wrong(format!(
                    "moon.respond: there is no field '{name}'; there are status, headers, body, json"
                )));
            }
        }
    }
    Ok(response)
}

/// Who somebody is, by `moon.ok{ … }` or a record of `auth.lookup`. `login` is what was typed.
pub(super) fn identity(data: &Data, login: &str) -> Result<Identity, NoAnswer> {
    let mut identity = Identity { login: login.to_owned(), ..Identity::default() };
    for (name, value) in data.fields().unwrap_or_default() {
        let bad =
            |wanted: &str| wrong(format!("field '{name}' must be {wanted}, got {}", value.kind()));
        let text = || value.text().map(str::to_owned).ok_or_else(|| bad("a string"));
        match (name.as_str(), value) {
            (_, Data::Null) => {}
            ("user", _) => identity.login = text()?,
            ("subject", _) => identity.subject = text()?,
            ("display_name", _) => identity.display_name = Some(text()?),
            ("email", _) => identity.email = Some(text()?),
            ("quota", Data::Int(quota)) => {
                let quota = u64::try_from(*quota).map_err(|_| bad("bytes"))?;
                identity.quota = Some(quota);
            }
            ("quota", _) => return Err(bad("bytes, a whole number")),
            ("groups", Data::List(list)) => {
                let group = |item: &Data| match item.text() {
                    Some(text) => Ok(text.to_owned()),
                    None => Err(wrong(format!(
                        "field 'groups' must be a list of strings, got a {} in it",
                        item.kind()
                    ))),
                };
                identity.groups = Some(list.iter().map(group).collect::<Result<_, _>>()?);
            }
            ("groups", _) => return Err(bad("a list of strings")),
            ("enabled", Data::Bool(_)) => {}
            ("enabled", _) => return Err(bad("true or false")),
            _ => {
                return Err(wrong(format!(
                    "there is no field '{name}'; there are user, subject, display_name, email, groups, quota"
                )));
            }
        }
    }
    if identity.login.is_empty() {
        return Err(wrong("field 'user' is missing"));
    }
    if identity.subject.is_empty() {
        identity.subject.clone_from(&identity.login);
    }
    Ok(identity)
}

/// A record of `auth.lookup` or `auth.search`.
pub(super) fn account(data: &Data, login: &str) -> Result<Account, NoAnswer> {
    let enabled = data.get("enabled") != Some(&Data::Bool(false));
    Ok(Account { identity: identity(data, login)?, enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, Data)]) -> Data {
        Data::Map(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn text(text: &str) -> Data {
        Data::Text(text.into())
    }

    fn decided(event: EventId, kind: Kind, data: Data) -> Result<Decision, NoAnswer> {
        decision(event.spec(), Returned::Answer(Answer { kind, data }))
    }

    #[test]
    fn answers_become_decisions() {
        let upload = EventId::FileBeforeUpload;
        let denial = map(&[("message", text("no")), ("status", Data::Int(422))]);
        assert_eq!(decided(upload, Kind::Next, Data::Null), Ok(Decision::Next));
        assert_eq!(decided(upload, Kind::Ok, Data::Null), Ok(Decision::Allow));
        assert_eq!(
            decided(upload, Kind::Deny, denial),
            Ok(Decision::Deny { status: Some(422), message: "no".into() })
        );
        let later = decided(upload, Kind::Tempfail, map(&[("message", text("down"))]));
        assert_eq!(later, Err(NoAnswer::Later("down".into())));
        let header = map(&[("header", map(&[("x-a", text("1")), ("x-b", Data::Null)]))]);
        let fields = Fields::new().with("header.x-a", "1").with("header.x-b", Value::Null);
        assert_eq!(
            decided(EventId::Response, Kind::Replace, header),
            Ok(Decision::Replace(fields))
        );
        assert!(matches!(decided(upload, Kind::Disabled, Data::Null), Err(NoAnswer::Wrong(_))));
    }

    #[test]
    fn a_patch_is_a_table_with_a_time() {
        let spec = EventId::Capabilities.spec();
        let values = vec![map(&[("theming", map(&[("name", text("x"))]))]), text("5m")];
        let fields =
            Fields::new().with("patch", r#"{"theming":{"name":"x"}}"#).with("ttl_secs", 300u64);
        assert_eq!(decision(spec, Returned::Values(values)), Ok(Decision::Replace(fields)));
        for values in [vec![Data::Bool(true)], vec![Data::List(vec![]), text("soon")]] {
            assert!(decision(spec, Returned::Values(values)).is_err());
        }
    }

    #[test]
    fn identities_have_the_types_they_should() {
        let groups = Data::List(vec![text("staff")]);
        let full = map(&[
            ("display_name", text("Alice A.")),
            ("groups", groups),
            ("quota", Data::Int(5)),
            ("user", text("012345")),
        ]);
        let known = identity(&full, "alice").unwrap();
        assert_eq!((known.login.as_str(), known.subject.as_str()), ("012345", "012345"));
        assert_eq!((known.groups, known.quota), (Some(vec!["staff".into()]), Some(5)));
        for (field, value, expected) in [
            ("user", Data::Int(12345), "field 'user' must be a string, got number"),
            ("groups", Data::List(vec![Data::Int(1)]), "got a number in it"),
            ("quota", text("5 GB"), "field 'quota' must be bytes"),
            ("quota", Data::Int(-1), "field 'quota' must be bytes"),
            ("mail", text("a@b"), "there is no field 'mail'"),
        ] {
            let NoAnswer::Wrong(why) = identity(&map(&[(field, value)]), "a").unwrap_err() else {
                panic!("{field}");
            };
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn responses_are_read_or_refused() {
        let json = map(&[("json", map(&[("a", Data::Int(1))])), ("status", Data::Int(201))]);
        let read = response(&json).unwrap();
        assert_eq!((read.status, read.body.as_slice()), (201, &br#"{"a":1}"#[..]));
        assert_eq!(read.headers[0].0, "content-type");
        for bad in [("status", text("x")), ("body", Data::Int(1)), ("hedaers", Data::Null)] {
            assert!(response(&map(&[bad])).is_err());
        }
    }
}
