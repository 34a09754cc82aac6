//! Parameters of a request: the query, `application/x-www-form-urlencoded` bodies and JSON objects,
//! all as one map of texts. The apps use them interchangeably on OCS (clients.md §7, §26, trap 18).

use serde_json::Value;

/// Most fields in one request.
pub const MAX_FIELDS: usize = 100;

/// Why parameters were refused: always a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Over [`MAX_FIELDS`].
    #[error("too many parameters")]
    TooMany,
    /// Not UTF-8 after decoding.
    #[error("a parameter is not valid UTF-8")]
    NotUtf8,
    /// A JSON body that is not one object.
    #[error("the body is not a JSON object")]
    NotAnObject,
}

/// Named texts in the order they came. Lists have names that end in `[]`, as PHP writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a query (without `?`) or a form body. `+` is a blank; a broken escape stays as it is.
    ///
    /// # Errors
    /// [`FormError::TooMany`], [`FormError::NotUtf8`].
    pub fn parse_form(bytes: &[u8]) -> Result<Self, FormError> {
        let mut fields = Self::default();
        for pair in bytes.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|b| *b == b'=');
            let (name, value) = match equals {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &b""[..]),
            };
            fields.push(decode(name)?, decode(value)?)?;
        }
        Ok(fields)
    }

    /// Reads a JSON object: numbers and booleans become their text, `null` is absent, a list
    /// becomes several `name[]`, an object inside stays JSON text.
    ///
    /// # Errors
    /// [`FormError::NotAnObject`], [`FormError::TooMany`].
    pub fn parse_json(bytes: &[u8]) -> Result<Self, FormError> {
        let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else {
            return Err(FormError::NotAnObject);
        };
        let mut fields = Self::default();
        for (name, value) in object {
            match value {
                Value::Array(items) => {
                    let name = format!("{name}[]");
                    for item in items.into_iter().filter_map(text_of) {
                        fields.push(name.clone(), item)?;
                    }
                }
                other => {
                    if let Some(text) = text_of(other) {
                        fields.push(name, text)?;
                    }
                }
            }
        }
        Ok(fields)
    }

    /// The value of `name`; the last one if there are several, as in PHP.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name`, in order. Lists are asked for with their brackets: `shareType[]`.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// These fields, then those of `other`, which win in [`Fields::get`]: `query.merge(body)`.
    ///
    /// # Errors
    /// [`FormError::TooMany`].
    pub fn merge(mut self, other: Self) -> Result<Self, FormError> {
        for (name, value) in other.0 {
            self.push(name, value)?;
        }
        Ok(self)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn push(&mut self, name: String, value: String) -> Result<(), FormError> {
        if self.0.len() == MAX_FIELDS {
            return Err(FormError::TooMany);
        }
        self.0.push((name, value));
        Ok(())
    }
}

/// Percent-decodes, with `+` as blank.
fn decode(bytes: &[u8]) -> Result<String, FormError> {
    let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let text = percent_encoding::percent_decode(&spaced).decode_utf8();
    text.map(|text| text.into_owned()).map_err(|_| FormError::NotUtf8)
}

/// A JSON value as one text.
fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_queries_are_decoded() {
        for (input, name, expected, source) in [
            ("token=abc", "token", Some("abc"), "clients.md §5: poll"),
            ("a=1&token=x%26y%3D+z", "token", Some("x&y= z"), "WHATWG URL §5.1"),
            ("format=json&format=xml", "format", Some("xml"), "PHP: the last one"),
            ("flag", "flag", Some(""), "WHATWG URL §5.1"),
            ("&&a=b=c&", "a", Some("b=c"), "WHATWG URL §5.1"),
            ("n%C3%BC=%zz", "nü", Some("%zz"), "WHATWG URL: a broken escape stays"),
            ("", "a", None, "empty"),
        ] {
            let fields = Fields::parse_form(input.as_bytes()).expect(source);
            assert_eq!(fields.get(name), expected, "{input} ({source})");
        }
        assert_eq!(Fields::parse_form(b"a=%ff"), Err(FormError::NotUtf8));
        assert!(Fields::parse_form("a&".repeat(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(Fields::parse_form("a&".repeat(101).as_bytes()), Err(FormError::TooMany));
    }

    #[test]
    fn json_bodies_give_the_same_map() {
        let json = br#"{"path":"/a","shareType":3,"up":true,"note":null,"t":[0,"1"],"o":{"b":1}}"#;
        let fields = Fields::parse_json(json).expect("an object");
        for (name, expected) in [
            ("path", Some("/a")),
            ("shareType", Some("3")),
            ("up", Some("true")),
            ("note", None),
            ("o", Some(r#"{"b":1}"#)),
        ] {
            assert_eq!(fields.get(name), expected, "{name}");
        }
        assert_eq!(fields.get_all("t[]").collect::<Vec<_>>(), ["0", "1"]);
        for bad in [&b""[..], b"[]", b"1", b"{", b"\xff", "[".repeat(10_000).as_bytes()] {
            assert_eq!(Fields::parse_json(bad), Err(FormError::NotAnObject));
        }
    }

    #[test]
    fn a_body_wins_over_the_query() {
        let query = Fields::parse_form(b"a=1&b=2").expect("good");
        let merged = query.merge(Fields::parse_form(b"a=3").expect("good")).expect("few");
        assert_eq!((merged.get("a"), merged.get("b")), (Some("3"), Some("2")));
        assert_eq!(merged.iter().count(), 3);
    }
}
