//! Filters and names, with what people type escaped in them.

use mlua::Result;
use unicode_normalization::UnicodeNormalization;

use crate::modules::args::Args;

/// A value for a filter (RFC 4515), composed as directories have it: macOS sends letters and accents
/// apart.
pub(super) fn escape_filter(value: &str) -> String {
    ldap3::ldap_escape(value.nfc().collect::<String>()).into_owned()
}

/// A value for a DN (RFC 4514).
pub(super) fn escape_dn(value: &str) -> String {
    ldap3::dn_escape(value.nfc().collect::<String>()).into_owned()
}

/// A template with its values.
pub(super) fn filter(mut args: Args) -> Result<String> {
    let given = args.take("template");
    let template = given.text()?;
    let mut filter = String::new();
    let mut rest = template.as_str();
    let mut number = 0;
    while let Some((before, after)) = rest.split_once('%') {
        filter.push_str(before);
        rest = match after.as_bytes().first() {
            Some(b's') => {
                number += 1;
                filter.push_str(&escape_filter(&args.take(&format!("value {number}")).text()?));
                &after[1..]
            }
            Some(b'%') => {
                filter.push('%');
                &after[1..]
            }
            _ => return Err(given.bad("has a % that is neither %s nor %%")),
        };
    }
    filter.push_str(rest);
    if args.take("more").or_none().is_some() {
        return Err(
            args.error(format!("there are more values than the {number} %s of the template"))
        );
    }
    match ldap3::parse_filter(&filter) {
        Ok(_) => Ok(filter),
        Err(()) => Err(given.bad("is no filter (RFC 4515)")),
    }
}

/// The value of a DN's first part: `Staff` of `cn=Staff,ou=groups,dc=x`.
pub(super) fn first_value(dn: &str) -> Option<String> {
    let (_, rest) = dn.split_once('=')?;
    let mut value = Vec::new();
    let mut bytes = rest.trim_start().bytes();
    // Spaces at the end belong to the value only if they are escaped.
    let mut kept = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' | b';' => break,
            b'\\' => {
                let first = bytes.next()?;
                let hex = |b: u8| char::from(b).to_digit(16).and_then(|it| u8::try_from(it).ok());
                match (hex(first), bytes.clone().next().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        bytes.next();
                        value.push(high << 4 | low);
                    }
                    _ => value.push(first),
                }
                kept = value.len();
            }
            b' ' => value.push(b' '),
            byte => {
                value.push(byte);
                kept = value.len();
            }
        }
    }
    value.truncate(kept);
    String::from_utf8(value).ok().filter(|value| !value.is_empty())
}
