//! `moonsail.hooks/1`: having a say before something happens.
//!
//! The core fires an [`Event`] before it acts, and asks everybody who is interested, highest
//! priority first, and of equal ones in the order of `server.toml`. The first decisive answer wins.
//! `docs/extend/hooks.md` lists the events with their fields and what an answer does.
//!
//! **Why the fields are a flat list of typed values** and not JSON text: a C author reads them
//! without a parser, by walking an array of name and value; Lua's table is made in one loop; nobody
//! writes and parses text on the way of every request; and a number cannot turn into a text on the
//! way. What belongs together shares a prefix (`node.size`, `header.user-agent`).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::BoxFuture;
use crate::auth::Call;
use crate::error::Error;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Known to be nothing: no size was announced, the quota is unlimited.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number: bytes, seconds, an id.
    Int(i64),
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

impl Value {
    /// What it is called in messages: `null`, `bool`, `int`, `text` or `list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Text(_) => "text",
            Self::List(_) => "list",
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// Sizes beyond 8 EiB are cut: no file has them.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Names with values, in order; each name once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Cow<'static, str>, Value)>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same fields and one more (or another value, where the name was there).
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a field, or gives it another value.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// A field's value; `None` if the event has no such field.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A field that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.find(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A field that is a number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.find(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// A field that is true or false.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.find(name) {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// A field that is a list.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.find(name) {
            Some(Value::List(list)) => Some(list),
            _ => None,
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes that an event is about, for who wants to look into them (antivirus, data loss prevention).
/// They are on the disk already, so nothing is kept in memory. Good as long as the event is being
/// decided; later reads fail.
pub trait Content: Send + Sync + 'static {
    /// How many there are.
    fn size(&self) -> u64;

    /// At most `most` bytes from `offset` on; none at the end.
    ///
    /// # Errors
    /// [`Error`] if the storage fails.
    fn read_at(&self, offset: u64, most: usize) -> BoxFuture<'_, Result<Bytes, Error>>;
}

/// Something that is about to happen.
#[derive(Clone)]
pub struct Event {
    /// Its name, as in the list of events: `file.before_upload`.
    pub name: Cow<'static, str>,
    /// What is known about it.
    pub fields: Fields,
    /// The bytes, of the events that have some.
    pub content: Option<Arc<dyn Content>>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.name).field("fields", &self.fields).finish()
    }
}

/// What an extension says about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// No opinion: the next one is asked.
    Next,
    /// It may happen, and nobody further down is asked.
    Allow,
    /// It must not happen, and nobody further down is asked.
    Deny {
        /// The HTTP status that the client gets, 400 to 599; 403 if `None`.
        status: Option<u16>,
        /// What the client's user is told, in one line.
        message: String,
    },
    /// It may happen with other values in these fields; only those that the event lists as
    /// replaceable count. Nobody further down is asked, except of events that *fold*: there each is
    /// asked in turn, and sees what the one before has made of it.
    Replace(Fields),
    /// The answer to the request itself; only of the event `request`.
    Respond(Response),
}

impl Decision {
    /// [`Decision::Deny`] with the usual status, 403.
    pub fn deny(message: impl Into<String>) -> Self {
        Self::Deny { status: None, message: message.into() }
    }

    /// An answer that sends the client elsewhere (302).
    pub fn redirect(url: impl Into<String>) -> Self {
        let headers = vec![("location".to_owned(), url.into())];
        Self::Respond(Response { status: 302, headers, body: Vec::new() })
    }
}

/// An answer that an extension gives in the server's stead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Names and values of header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What becomes of an event when an extension cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnError {
    /// As if it had denied.
    Deny,
    /// As if it had no opinion.
    Allow,
}

/// Events that an extension wants to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    /// The name of an event, or all that begin alike: `file.*`.
    pub event: String,
    /// Who has the higher one is asked first; 0 unless there is a reason.
    pub priority: i32,
    /// What becomes of the event when the extension cannot answer; `None` for what the event's
    /// class says (see `docs/extend/hooks.md`).
    pub on_error: Option<OnError>,
}

impl Interest {
    /// Interest in an event, or in all that begin alike (`file.*`), with priority 0.
    pub fn new(event: impl Into<String>) -> Self {
        Self { event: event.into(), priority: 0, on_error: None }
    }

    /// The same with a priority.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// The same with a say about errors.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = Some(on_error);
        self
    }

    /// Whether an event of this name is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self.event.strip_suffix('*') {
            Some(prefix) if prefix.is_empty() || prefix.ends_with('.') => name.starts_with(prefix),
            _ => self.event == name,
        }
    }
}

/// Is asked before something happens.
pub trait Hooks: Send + Sync + 'static {
    /// What it wants to be asked about. Asked once, after the start. An event that the server does
    /// not have stops the start, with the nearest name.
    fn interest(&self) -> Vec<Interest>;

    /// Decides about an event. No lock is held meanwhile, so the call may come back to the server.
    ///
    /// # Errors
    /// [`Error`] if the extension cannot decide; the interest's [`OnError`] says what then.
    fn before(
        &self,
        call: &Call,
        event: &Event,
    ) -> impl Future<Output = Result<Decision, Error>> + Send;
}

/// The object-safe twin of [`Hooks`], implemented for each of them.
pub trait DynHooks: Send + Sync + 'static {
    /// See [`Hooks::interest`].
    fn interest(&self) -> Vec<Interest>;

    /// See [`Hooks::before`].
    fn before<'a>(
        &'a self,
        call: &'a Call,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Decision, Error>>;
}

impl<H: Hooks> DynHooks for H {
    fn interest(&self) -> Vec<Interest> {
        Hooks::interest(self)
    }

    fn before<'a>(
        &'a self,
        call: &'a Call,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Decision, Error>> {
        Box::pin(Hooks::before(self, call, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_name_events_or_families() {
        for (interest, event, meant) in [
            ("file.before_upload", "file.before_upload", true),
            ("file.before_upload", "file.before_uploads", false),
            ("file.*", "file.before_upload", true),
            ("file.*", "files", false),
            ("file.*", "file", false),
            ("*", "request", true),
            ("fil*", "file.before_upload", false),
        ] {
            assert_eq!(Interest::new(interest).matches(event), meant, "{interest} {event}");
        }
    }

    #[test]
    fn fields_keep_their_order_and_their_types() {
        let fields = Fields::new().with("path", "/a").with("size", None::<u64>).with("path", "/b");
        let names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["path", "size"]);
        assert_eq!(fields.text("path"), Some("/b"));
        assert_eq!((fields.find("size"), fields.int("size")), (Some(&Value::Null), None));
        assert_eq!(fields.find("mtime"), None);
        assert_eq!(Value::from(u64::MAX), Value::Int(i64::MAX));
    }
}
