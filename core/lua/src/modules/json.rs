//! `moon.json`: JSON in and out, with a `null` and an empty array.

use mlua::{Lua, LuaSerdeExt, Result, Table};

use super::build::{Builder, or_failed};
use super::{ItemDoc, Module};
use crate::site::Site;

pub(crate) mod decode;
pub(crate) mod encode;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.json",
    doc: "JSON. A table whose keys are 1 to n is an array, any other one with string keys an object; an \
          empty table is an object unless `json.array` says otherwise. Keys are written in order, so equal \
          values give equal texts. Nested at most 64 deep; at most 8 MiB and 1,000,000 values.",
    items: &[
        ItemDoc {
            name: "encode",
            signature: "(value: any) -> string",
            doc: "The value as JSON. Functions, secrets, numbers that are not finite, texts that are not \
                  UTF-8, and tables that are neither array nor object are errors that name the place.",
            grant: "",
        },
        ItemDoc {
            name: "decode",
            signature: "(text: string) -> (any, string?)",
            doc: "The value of a text; nil and why if it is no JSON. `null` is `json.null`, arrays keep being \
                  arrays when they are written again, and numbers are exact up to 2^53.",
            grant: "",
        },
        ItemDoc {
            name: "array",
            signature: "(list: { any }?) -> { any }",
            doc: "Marks a table, or a new one, as an array, also while it is empty. Gives it back.",
            grant: "",
        },
        ItemDoc {
            name: "is_array",
            signature: "(value: any) -> boolean",
            doc: "Whether a value is a table that is marked as an array.",
            grant: "",
        },
        ItemDoc {
            name: "null",
            signature: "any",
            doc: "Stands for `null`, since a table cannot hold nil. It is true in conditions.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("encode", |lua, _, mut args| {
            let value = args.take("value").into_value();
            let text = encode::encode(&value, "value").map_err(|problem| args.error(problem))?;
            lua.create_string(text)
        })?
        .function("decode", |lua, _, mut args| {
            let text = args.take("text").bytes()?;
            or_failed(lua, decode::decode(lua, &text.as_bytes()))
        })?
        .function("array", |lua, _, mut args| {
            let table = match args.take("list").or_none() {
                None => lua.create_table()?,
                Some(given) => given.table()?,
            };
            table.set_metatable(Some(lua.array_metatable()))?;
            Ok(table)
        })?
        .function("is_array", |lua, _, mut args| {
            let value = args.take("value").into_value();
            let marker = lua.array_metatable();
            Ok(value.as_table().is_some_and(|it| it.metatable() == Some(marker)))
        })?
        .value("null", mlua::Value::NULL)?
        .table())
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn values_become_texts_and_back() {
        Bench::new(&[])
            .check(
                "moon.json",
                &[
                    (
                        "return json.encode({ b = 1, a = { 1, 2.5, true } })",
                        r#"{"a":[1,2.5,true],"b":1}"#,
                    ),
                    ("return json.encode('ä\"\\n')", r#""ä\"\n""#),
                    ("return json.encode({})", "{}"),
                    ("return json.encode(json.array())", "[]"),
                    ("return json.encode({ a = json.null })", r#"{"a":null}"#),
                    ("return json.encode(nil)", "null"),
                    ("return json.encode(2^53)", "9007199254740992"),
                    ("return json.encode(json.decode('[[],{},null,1e3]'))", "[[],{},null,1000]"),
                    ("return json.is_array(json.decode('[]')), json.is_array({})", "true, false"),
                    (
                        "return json.decode('\"012345\"'), type(json.decode('\"1\"'))",
                        "012345, string",
                    ),
                    ("return json.decode('null') == json.null", "true"),
                    ("return select('#', json.decode('{')), (json.decode('{'))", "2, nil"),
                    (
                        "return select(2, json.decode('{}x'))",
                        "trailing characters at line 1 column 3",
                    ),
                    ("return json.decode('{\"a\":1,\"a\":2}').a", "2"),
                ],
            )
            .await;
    }

    #[tokio::test]
    async fn what_is_no_json_is_an_error_that_names_the_place() {
        Bench::new(&[])
            .check(
                "moon.json",
                &[
                    ("return json.encode({ a = { print } })", "moon.json.encode: value.a[1] is a function"),
                    ("return json.encode(0/0)", "moon.json.encode: value is not finite"),
                    ("return json.encode({ 1, a = 2 })", "value is neither an array nor an object"),
                    ("return json.encode({ [1] = 1, [3] = 3 })", "value is neither an array nor an object"),
                    ("return json.encode({ x = '\\255' })", "value.x is not UTF-8"),
                    ("local t = {} t.t = t return json.encode(t)", "nested more than 64 deep"),
                    ("local t = {} for i = 1, 60 do t = { t, t } end return json.encode(t)", "too large"),
                    ("local s = string.rep('a', 1e6) local t = {} for i = 1, 9 do t[i] = s end return json.encode(t)", "too large"),
                    ("return json.encode(json.decode(string.rep('[', 64) .. string.rep(']', 64))):len()", "128"),
                    ("return select(2, json.decode(string.rep('[', 65) .. string.rep(']', 65)))", "nested more than 64 deep at line 1 column 66"),
                    ("return json.decode(5)", "moon.json.decode: parameter 'text' must be a string, got number"),
                ],
            )
            .await;
    }
}
