//! The fields of events, as they cross the border.

use std::ptr;

use super::convert::{Malformed, borrowed, size_of};
use super::{
    FIELD_BOOL, FIELD_INT, FIELD_LIST, FIELD_NULL, FIELD_TEXT, HookField, List, Str, StrList,
};
use crate::hooks::{Fields, Value};

/// Lends fields.
pub(crate) fn with_fields<R>(fields: &Fields, give: impl FnOnce(List) -> R) -> R {
    let lists: Vec<Vec<Str>> = fields
        .iter()
        .map(|(_, value)| match value {
            Value::List(texts) => borrowed(texts),
            _ => Vec::new(),
        })
        .collect();
    let all: Vec<HookField> = fields
        .iter()
        .zip(&lists)
        .map(|((name, value), list)| {
            let none = HookField {
                size: size_of::<HookField>(),
                kind: FIELD_NULL,
                name: Str::of(name),
                number: 0,
                text: Str::NONE,
                texts: StrList { items: ptr::null(), len: 0 },
            };
            match value {
                Value::Null => none,
                Value::Bool(value) => {
                    HookField { kind: FIELD_BOOL, number: i64::from(*value), ..none }
                }
                Value::Int(number) => HookField { kind: FIELD_INT, number: *number, ..none },
                Value::Text(text) => HookField { kind: FIELD_TEXT, text: Str::of(text), ..none },
                Value::List(_) => HookField { kind: FIELD_LIST, texts: StrList::of(list), ..none },
            }
        })
        .collect();
    give(List::of(&all))
}

/// Copies fields.
///
/// # Safety
/// A list of [`HookField`]s, as it says, and all they point to is alive.
pub(crate) unsafe fn fields_of(list: List) -> Result<Fields, Malformed> {
    let mut fields = Fields::new();
    // SAFETY: as the caller promises.
    unsafe {
        for field in list.read::<HookField>()? {
            let value = match field.kind {
                FIELD_NULL => Value::Null,
                FIELD_BOOL => Value::Bool(field.number != 0),
                FIELD_INT => Value::Int(field.number),
                FIELD_TEXT => Value::Text(field.text.owned()?),
                FIELD_LIST => Value::List(field.texts.option_owned()?.unwrap_or_default()),
                _ => return Err(Malformed::Kind),
            };
            fields.set(field.name.owned()?, value);
        }
    }
    Ok(fields)
}
