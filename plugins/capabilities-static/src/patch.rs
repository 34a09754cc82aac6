//! Patches as one: JSON Merge Patch (RFC 7396), where `null` removes.

use serde_json::{Map, Value};

/// Lays `patch` over an earlier one. Unlike an application of it, a `null` stays: it still has to
/// remove something.
pub(crate) fn lay_over(earlier: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (earlier.get_mut(name), value) {
            (Some(Value::Object(earlier)), Value::Object(value)) => lay_over(earlier, value),
            _ => {
                earlier.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The patch that removes a key, given with dots.
pub(crate) fn removal(key: &str) -> Map<String, Value> {
    let (first, rest) = match key.split_once('.') {
        Some((first, rest)) => (first, Value::Object(removal(rest))),
        None => (key, Value::Null),
    };
    Map::from_iter([(first.to_owned(), rest)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_later_patch_has_the_last_word_and_nulls_stay() {
        for (earlier, patch, expected) in [
            (json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
            (json!({"a": {"b": 1}}), json!({"a": {"c": 2}}), json!({"a": {"b": 1, "c": 2}})),
            (json!({"a": {"b": 1}}), json!({"a": null}), json!({"a": null})),
            (json!({"a": 1}), json!({"a": {"b": null}}), json!({"a": {"b": null}})),
        ] {
            let mut made = earlier.as_object().unwrap().clone();
            lay_over(&mut made, patch.as_object().unwrap());
            assert_eq!(Value::Object(made), expected, "{earlier} + {patch}");
        }
        assert_eq!(Value::Object(removal("a.b.c")), json!({"a": {"b": {"c": null}}}));
    }
}
