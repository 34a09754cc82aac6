//! Whether an answer is one that the event takes, and what it is worth.

use http::StatusCode;

use super::table::{Answers, EventSpec, Kind, Mode};
use super::{Decision, Fields, Value};

/// Longest message that a client is shown, in characters.
const MAX_MESSAGE: usize = 500;

/// A refusal by a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What the client gets: 400 to 599, never 401 and 407, on which apps drop passwords.
    pub status: StatusCode,
    /// One line for the client's user.
    pub message: String,
}

/// What is wrong with an answer: names the field where there is one.
pub(crate) type Fault = String;

impl Denial {
    /// A refusal as a hook has written it.
    pub(super) fn new(status: Option<u16>, message: &str) -> Result<Self, Fault> {
        let status = match status {
            None => StatusCode::FORBIDDEN,
            Some(code @ (401 | 407)) => {
                return Err(format!("status {code} would make apps drop their password; use 403"));
            }
            Some(code @ 400..=599) => StatusCode::from_u16(code).unwrap_or(StatusCode::FORBIDDEN),
            Some(code) => return Err(format!("status {code} is no refusal: 400 to 599 are")),
        };
        let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line: String = line.trim().chars().take(MAX_MESSAGE).collect();
        let message = if line.is_empty() { "This is not allowed here".to_owned() } else { line };
        Ok(Self { status, message })
    }
}

/// Checks that the event takes such an answer.
pub(crate) fn check(spec: &EventSpec, decision: &Decision) -> Result<(), Fault> {
    let taken = match (decision, spec.answers) {
        (Decision::Next | Decision::Allow, _) => true,
        (Decision::Deny { .. }, answers) => matches!(answers, Answers::Decide | Answers::Respond),
        (Decision::Replace(_), answers) => answers != Answers::Tell,
        (Decision::Respond(response), Answers::Respond) => {
            if !(200..=599).contains(&response.status) {
                return Err(format!("status {} is no answer: 200 to 599 are", response.status));
            }
            true
        }
        (Decision::Respond(_), _) => false,
    };
    match decision {
        _ if !taken => Err(format!("the event does not take \"{}\"", name(decision))),
        Decision::Replace(fields) => check_fields(spec, fields),
        _ => Ok(()),
    }
}

fn check_fields(spec: &EventSpec, fields: &Fields) -> Result<(), Fault> {
    for (name, value) in fields.iter() {
        let Some(field) = spec.field(name) else {
            return Err(format!("field '{name}': the event has no such field"));
        };
        if field.mode == Mode::Given {
            return Err(format!("field '{name}' cannot be replaced"));
        }
        if !fits(field.kind, value) {
            let (wanted, got) = (field.kind.name(), value.kind());
            return Err(format!("field '{name}' must be {wanted}, got {got}"));
        }
    }
    Ok(())
}

fn fits(kind: Kind, value: &Value) -> bool {
    match value {
        Value::Null => matches!(kind, Kind::TextOrNull | Kind::IntOrNull),
        Value::Bool(_) => kind == Kind::Bool,
        Value::Int(_) => matches!(kind, Kind::Int | Kind::IntOrNull),
        Value::Text(_) => matches!(kind, Kind::Text | Kind::TextOrNull),
        Value::List(_) => kind == Kind::List,
    }
}

/// Checks, for tests of the callers, that an event has the fields that the table promises.
#[cfg(any(test, debug_assertions))]
pub(super) fn is_as_promised(spec: &EventSpec, fields: &Fields) -> Result<(), Fault> {
    for (name, value) in fields.iter() {
        match spec.field(name) {
            Some(field) if field.mode != Mode::Answer && fits(field.kind, value) => {}
            Some(field) => {
                return Err(format!("{}: {name} is {value:?}, not {:?}", spec.name, field.kind));
            }
            None => return Err(format!("{}: {name} is not in the table", spec.name)),
        }
    }
    let promised = super::table::COMMON.iter().chain(spec.fields);
    let missing = promised
        .filter(|field| field.mode != Mode::Answer && !field.name.ends_with('*'))
        .find(|field| fields.find(field.name).is_none());
    match missing {
        Some(field) => Err(format!("{}: {} is missing", spec.name, field.name)),
        None => Ok(()),
    }
}

fn name(decision: &Decision) -> &'static str {
    match decision {
        Decision::Next => "next",
        Decision::Allow => "allow",
        Decision::Deny { .. } => "deny",
        Decision::Replace(_) => "replace",
        Decision::Respond(_) => "respond",
    }
}
