//! From the interpreter's errors to ours.

use std::any::Any;
use std::time::Duration;

use mlua::{Error, Function};

use crate::error::{Fault, Trouble};

/// Bytes of a message. What a script raises can be of any length.
const MAX_MESSAGE: usize = 1024;

/// Bytes of a traceback.
const MAX_TRACEBACK: usize = 8 << 10;

/// What stands between a message and the traceback that the interpreter appends.
const TRACEBACK: &str = "\nstack traceback:\n";

/// What the interpreter says if there is no memory.
const NO_MEMORY: &str = "not enough memory";

/// The fault for an error. `dead`: the call's processor time was used up, so whatever the script made of
/// that, this is what it was.
pub(super) fn fault_of(error: &Error, dead: bool) -> Fault {
    let mut trouble = Trouble::Script;
    let (text, traceback) = split(error, &mut trouble);
    let traceback = tidy_traceback(&traceback);
    let mut message = one_line(&describe(&text));
    if message.ends_with(NO_MEMORY) {
        trouble = Trouble::Memory;
    }
    if dead {
        trouble = Trouble::Cpu;
        if !message.contains("used up its processor time") {
            message = "used up its processor time".into();
        }
    }
    if !has_position(&message)
        && let Some(position) = traceback.lines().find_map(position)
    {
        message = format!("{position}: {message}");
    }
    Fault { trouble, message, traceback }
}

/// The fault for a panic below a script.
pub(super) fn panicked(payload: &(dyn Any + Send)) -> Fault {
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Fault::new(
        Trouble::Panic,
        one_line(&format!("panic below the script: {}", said.unwrap_or("no message"))),
    )
}

/// The fault for a call that took too long.
pub(super) fn too_long(function: &Function, wall: Duration) -> Fault {
    let info = function.info();
    let place = match (info.short_src, info.line_defined) {
        (Some(source), Some(line)) if source != "[C]" => format!("{source}:{line}: "),
        _ => String::new(),
    };
    Fault::new(
        Trouble::Wall,
        one_line(&format!("{place}took longer than {wall:?}, waiting included")),
    )
}

/// Message and traceback of an error.
fn split(error: &Error, trouble: &mut Trouble) -> (String, String) {
    match error {
        Error::SyntaxError { message, .. } => {
            *trouble = Trouble::Syntax;
            (message.clone(), String::new())
        }
        Error::MemoryError(message) => {
            *trouble = Trouble::Memory;
            (message.clone(), String::new())
        }
        Error::RuntimeError(text) => match text.split_once(TRACEBACK) {
            Some((message, traceback)) => (message.to_owned(), traceback.to_owned()),
            None => (text.clone(), String::new()),
        },
        Error::CallbackError { traceback, cause } => {
            let (message, inner) = split(cause, trouble);
            let known = if inner.is_empty() { traceback.clone() } else { inner };
            (message, known)
        }
        Error::WithContext { context, cause } => {
            let (message, traceback) = split(cause, trouble);
            (format!("{context}: {message}"), traceback)
        }
        Error::PreviouslyResumedPanic => {
            *trouble = Trouble::Panic;
            ("a panic below the script was caught and used again".into(), String::new())
        }
        other => (other.to_string(), String::new()),
    }
}

/// A message for what was raised. An object without `__tostring` shows as its address, which tells nobody
/// anything and must not be told.
fn describe(text: &str) -> String {
    for kind in ["table", "userdata", "function", "thread", "buffer"] {
        let address = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix(": 0x"));
        if address.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return format!("raised a {kind} that has no __tostring: give error() a text");
        }
    }
    if text.is_empty() || text == "nil" {
        "raised an error without a message".into()
    } else {
        text.to_owned()
    }
}

/// As one line of bounded length, without control characters.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.trim().chars() {
        if line.len() >= MAX_MESSAGE {
            line.push('…');
            break;
        }
        line.push(if character.is_control() { ' ' } else { character });
    }
    line
}

/// The lines that are about scripts, bounded.
fn tidy_traceback(text: &str) -> String {
    let mut tidy = String::new();
    for line in text.lines().map(str::trim) {
        let ours = line.is_empty() || line.starts_with("__mlua") || line.starts_with("moonsail:");
        if ours || line == "stack traceback:" {
            continue;
        }
        if tidy.len() + line.len() > MAX_TRACEBACK {
            tidy.push('…');
            break;
        }
        if !tidy.is_empty() {
            tidy.push('\n');
        }
        tidy.extend(
            line.chars().map(|character| if character.is_control() { ' ' } else { character }),
        );
    }
    tidy
}

/// `file:line` at the start of a line of a traceback.
fn position(line: &str) -> Option<&str> {
    let (file, rest) = line.split_once(':')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let named = !file.is_empty() && !file.starts_with('[') && !file.contains(' ');
    (named && digits > 0).then(|| &line[..file.len() + 1 + digits])
}

/// Whether a message says where already.
fn has_position(message: &str) -> bool {
    position(message).is_some_and(|position| message[position.len()..].starts_with(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_that_says_where() {
        let trace = "a.lua:3: no\nstack traceback:\n[C] in error\na.lua:3 function f\nmoonsail:1";
        for (error, message, traceback) in [
            (Error::RuntimeError(trace.into()), "a.lua:3: no", "[C] in error\na.lua:3 function f"),
            (Error::RuntimeError("two\nlines".into()), "two lines", ""),
            (
                Error::RuntimeError("table: 0x00007f\nstack traceback:\nlib/b.lua:12".into()),
                "lib/b.lua:12: raised a table that has no __tostring: give error() a text",
                "lib/b.lua:12",
            ),
            (
                Error::CallbackError {
                    traceback: "[C] in get\na.lua:7".into(),
                    cause: std::sync::Arc::new(Error::RuntimeError("refused".into())),
                },
                "a.lua:7: refused",
                "[C] in get\na.lua:7",
            ),
        ] {
            let fault = fault_of(&error, false);
            assert_eq!(
                (fault.message.as_str(), fault.traceback.as_str()),
                (message, traceback),
                "{error:?}"
            );
            assert_eq!(fault.trouble, Trouble::Script, "{error:?}");
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let memory = Error::RuntimeError("a.lua:1: not enough memory".into());
        assert_eq!(fault_of(&memory, false).trouble, Trouble::Memory);
        assert_eq!(fault_of(&memory, true).trouble, Trouble::Cpu, "what came first counts");
        let long = Error::RuntimeError("x".repeat(1 << 20));
        assert!(fault_of(&long, false).message.len() < 2 * MAX_MESSAGE);
    }
}
