//! What scripts can `require`: one file each, with its documentation beside its code.

use mlua::{Lua, Table};

use crate::site::Site;

mod args;
mod build;
mod crypto;
mod http;
mod ip;
mod json;
mod kv;
mod ldap;
mod log;
mod metrics;
mod mime;
mod password;
mod path;
mod ratelimit;
mod regex;
#[cfg(test)]
pub(crate) mod testing;
mod time;
mod url;

/// A function or value of a module, for the reference and the editors' stubs.
#[derive(Debug, Clone, Copy)]
pub struct ItemDoc {
    /// Its name in the module: `get`, or `pool:bind` for a method of what another one returns.
    pub name: &'static str,
    /// Luau type, as in a stub: `(key: string, value: any, options: { ttl: string? }?) -> ()`.
    pub signature: &'static str,
    /// What it does, says and refuses; one paragraph.
    pub doc: &'static str,
    /// What must be granted, as in `allow`; empty if nothing.
    pub grant: &'static str,
}

/// A module.
pub struct Module {
    /// How it is required: `moon.kv`.
    pub name: &'static str,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
    /// All that it has. A test compares it with what [`Module::open`] makes.
    pub items: &'static [ItemDoc],
    /// Makes its table for a script. Called once for each script and VM.
    pub open: fn(&Lua, &Site) -> mlua::Result<Table>,
}

/// All modules, by name.
pub const MODULES: &[Module] = &[
    crypto::MODULE,
    http::MODULE,
    ip::MODULE,
    json::MODULE,
    kv::MODULE,
    ldap::MODULE,
    log::MODULE,
    metrics::MODULE,
    mime::MODULE,
    password::MODULE,
    path::MODULE,
    ratelimit::MODULE,
    regex::MODULE,
    time::MODULE,
    url::MODULE,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::testing::Bench;
    use super::*;

    #[test]
    fn tables_have_exactly_the_documented_items() {
        let bench = Bench::new(&[]);
        for module in MODULES {
            let table = (module.open)(&bench.lua, &bench.site).expect("a table");
            let names = table.pairs::<String, mlua::Value>().map(|pair| pair.expect("a name").0);
            let documented =
                module.items.iter().map(|item| item.name).filter(|it| !it.contains(':'));
            let documented: Vec<String> = documented.map(str::to_owned).collect();
            let distinct: BTreeSet<String> = documented.iter().cloned().collect();
            assert_eq!(distinct.len(), documented.len(), "{} twice", module.name);
            assert_eq!(names.collect::<BTreeSet<_>>(), distinct, "{}", module.name);
            for item in module.items {
                assert!(item.doc.ends_with('.'), "{}.{}: {}", module.name, item.name, item.doc);
                let is_function = item.signature.starts_with('(');
                let value: mlua::Value = table.raw_get(item.name).expect("a value");
                let in_table = !item.name.contains(':');
                assert!(!in_table || value.is_function() == is_function, "{}", item.name);
            }
        }
    }

    #[tokio::test]
    async fn documented_methods_are_there() {
        let bench = Bench::new(&["ldap", "http:a.example"]);
        bench.fakes.http.answer("", Ok(crate::services::HttpAnswer::default()));
        let objects = "return {
            regex = require('moon.regex').compile('a'),
            pool = require('moon.ldap').pool { url = 'ldaps://x' },
            connection = require('moon.ldap').pool({ url = 'ldaps://x' }):bind(),
            response = require('moon.http').get('https://a.example/'),
        }";
        bench.set("objects", bench.run(objects).await.into_iter().next().expect("a table"));
        for module in MODULES {
            for item in module.items {
                let Some((object, method)) = item.name.split_once(':') else { continue };
                let kind = bench.text(&format!("return type(objects.{object}.{method})")).await;
                assert_eq!(kind, "function", "{}: {}", module.name, item.name);
            }
        }
    }

    #[test]
    fn modules_are_listed_once_and_in_order() {
        let names: Vec<&str> = MODULES.iter().map(|module| module.name).collect();
        let sorted: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names, sorted.into_iter().collect::<Vec<_>>());
        assert!(names.iter().all(|name| name.starts_with("moon.")), "{names:?}");
    }
}
