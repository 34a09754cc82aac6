//! `moon.kv`: values that a script keeps and that its VMs share.

use std::sync::Arc;

use mlua::{Lua, Result, Table};

use super::args::{Args, Given, Options};
use super::build::Builder;
use super::json::{decode, encode};
use super::{ItemDoc, Module};
use crate::services::Kv;
use crate::site::Site;

/// Bytes of a key.
const LONGEST_KEY: usize = 512;
/// Bytes of a value, as JSON.
const LARGEST: usize = 1 << 20;
/// Keys in one answer.
const MOST_KEYS: usize = 1000;
/// Largest step of `incr`: whole numbers are exact up to here.
const EXACT: i64 = 1 << 53;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.kv",
    doc: "Values that a script keeps: what JSON can hold, up to 1 MiB, under keys of up to 512 bytes. Each \
          script has its own; its VMs share them, which globals are not. They survive a restart, unless an \
          option says `memory = true`: then they are faster, and gone with the process. Every function \
          raises an error if the store does not answer.",
    items: &[
        ItemDoc {
            name: "get",
            signature: "(key: string, options: { memory: boolean? }?) -> any",
            doc: "The value; nil if there is none or its time is over.",
            grant: "kv",
        },
        ItemDoc {
            name: "set",
            signature: "(key: string, value: any, options: { ttl: (string | number)?, memory: boolean? }?) -> ()",
            doc: "Keeps a value, for `ttl` (seconds, or a text such as \"5m\") or until it is replaced. To \
                  remove one, call `delete`: nil is an error.",
            grant: "kv",
        },
        ItemDoc {
            name: "delete",
            signature: "(key: string, options: { memory: boolean? }?) -> boolean",
            doc: "Removes a value; whether there was one.",
            grant: "kv",
        },
        ItemDoc {
            name: "incr",
            signature: "(key: string, by: number?, options: { ttl: (string | number)?, memory: boolean? }?) -> number",
            doc: "Adds a whole number, 1 if none is given, and gives the sum. Begins at 0, with the `ttl`; \
                  later calls do not prolong it. Exact, however many VMs count.",
            grant: "kv",
        },
        ItemDoc {
            name: "cas",
            signature: "(key: string, old: any, new: any, options: { ttl: (string | number)?, memory: boolean? }?) -> boolean",
            doc: "Replaces `old` by `new` if `old` is what is kept; whether it was. nil as `old` stands for no \
                  value, nil as `new` removes.",
            grant: "kv",
        },
        ItemDoc {
            name: "list",
            signature: "(prefix: string?, options: { after: string?, limit: number?, memory: boolean? }?) -> { string }",
            doc: "The keys that begin with a prefix, in order of their bytes: at most `limit` (100, at most \
                  1000), those after the key `after`.",
            grant: "kv",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .waiting("get", get)?
        .waiting("set", set)?
        .waiting("delete", delete)?
        .waiting("incr", incr)?
        .waiting("cas", cas)?
        .waiting("list", list)?
        .table())
}

/// The store that the options choose, if the script may use it.
fn store(site: &Site, args: &Args, options: &Options) -> Result<Arc<dyn Kv>> {
    site.require(args.call(), "kv")?;
    let memory = options.maybe("memory", Given::boolean)?.unwrap_or(false);
    Ok(Arc::clone(if memory { &site.services.memory } else { &site.services.kv }))
}

fn key(args: &mut Args) -> Result<String> {
    let given = args.take("key");
    let key = given.text()?;
    match (1..=LONGEST_KEY).contains(&key.len()) {
        true => Ok(key),
        false => Err(given.bad(format!("must have 1 to {LONGEST_KEY} bytes"))),
    }
}

fn encoded(args: &Args, given: &Given, name: &str) -> Result<Vec<u8>> {
    let text = encode::encode(given.value(), name).map_err(|problem| args.error(problem))?;
    match text.len() <= LARGEST {
        true => Ok(text),
        false => Err(given.bad(format!("has more than {LARGEST} bytes as JSON"))),
    }
}

async fn get(lua: Lua, site: Site, mut args: Args) -> Result<mlua::Value> {
    let key = key(&mut args)?;
    let options = args.take("options").options(&["memory"])?;
    let store = store(&site, &args, &options)?;
    let kept = store.get(&site.script, &key).await.map_err(|problem| args.error(problem))?;
    match kept {
        None => Ok(mlua::Nil),
        Some(text) => decode::decode(&lua, &text).map_err(|problem| args.error(problem)),
    }
}

async fn set(_: Lua, site: Site, mut args: Args) -> Result<()> {
    let key = key(&mut args)?;
    let given = args.take("value");
    if given.value().is_nil() {
        return Err(given.wrong("a value (moon.kv.delete removes one)"));
    }
    let value = encoded(&args, &given, "value")?;
    let options = args.take("options").options(&["ttl", "memory"])?;
    let ttl = options.maybe("ttl", Given::duration)?;
    let store = store(&site, &args, &options)?;
    store.set(&site.script, &key, value, ttl).await.map_err(|problem| args.error(problem))
}

async fn delete(_: Lua, site: Site, mut args: Args) -> Result<bool> {
    let key = key(&mut args)?;
    let options = args.take("options").options(&["memory"])?;
    let store = store(&site, &args, &options)?;
    store.delete(&site.script, &key).await.map_err(|problem| args.error(problem))
}

async fn incr(_: Lua, site: Site, mut args: Args) -> Result<f64> {
    let key = key(&mut args)?;
    let by = args.take("by").or_none().map_or(Ok(1), |by| by.integer(-EXACT, EXACT))?;
    let options = args.take("options").options(&["ttl", "memory"])?;
    let ttl = options.maybe("ttl", Given::duration)?;
    let store = store(&site, &args, &options)?;
    let sum =
        store.incr(&site.script, &key, by, ttl).await.map_err(|problem| args.error(problem))?;
    sum.map(|sum| sum as f64).map_err(|problem| args.error(format!("\"{key}\": {problem}")))
}

async fn cas(_: Lua, site: Site, mut args: Args) -> Result<bool> {
    let key = key(&mut args)?;
    let [old, new] = ["old", "new"].map(|name| match args.take(name).or_none() {
        None => Ok(None),
        Some(given) => encoded(&args, &given, name).map(Some),
    });
    let options = args.take("options").options(&["ttl", "memory"])?;
    let ttl = options.maybe("ttl", Given::duration)?;
    let store = store(&site, &args, &options)?;
    let swapped = store.cas(&site.script, &key, old?, new?, ttl).await;
    swapped.map_err(|problem| args.error(problem))
}

async fn list(_: Lua, site: Site, mut args: Args) -> Result<Vec<String>> {
    let prefix = args.take("prefix").or_none().map_or(Ok(String::new()), |given| given.text())?;
    let options = args.take("options").options(&["after", "limit", "memory"])?;
    let after = options.maybe("after", Given::text)?;
    let limit = options.maybe("limit", |given| given.count(MOST_KEYS))?.unwrap_or(100);
    let store = store(&site, &args, &options)?;
    let keys = store.list(&site.script, &prefix, after.as_deref(), limit).await;
    keys.map_err(|problem| args.error(problem))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::modules::testing::Bench;
    use crate::site::{Grants, Site};

    #[tokio::test]
    async fn values_are_kept() {
        for options in ["", ", { memory = true }"] {
            let bench = Bench::new(&["kv"]);
            let rows = [
                ("return kv.get('a'O)", "nil"),
                ("kv.set('a', { x = { 1, 'b' } }O) return kv.get('a'O).x[2]", "b"),
                ("kv.set('id', '012345'O) return kv.get('id'O)", "012345"),
                ("return kv.delete('a'O), kv.delete('a'O), kv.get('a'O)", "true, false, nil"),
                ("return kv.incr('n', nilO), kv.incr('n', 41O), kv.get('n'O)", "1, 42, 42"),
                (
                    "kv.set('t', 'x'O) return kv.incr('t', 1O)",
                    "moon.kv.incr: \"t\": the value is no whole number",
                ),
                ("kv.set('big', 2^53O) return kv.incr('big', 1O)", "the sum is too large"),
                (
                    "return kv.cas('c', nil, 1O), kv.cas('c', nil, 2O), kv.cas('c', 1, 2O)",
                    "true, false, true",
                ),
                (
                    "kv.set('o', { b = 1, a = 2 }O) return kv.cas('o', { a = 2, b = 1 }, nilO), kv.get('o'O)",
                    "true, nil",
                ),
            ];
            let rows: Vec<(String, &str)> = rows
                .iter()
                .map(|(code, expected)| (code.replace('O', options), *expected))
                .collect();
            let rows: Vec<(&str, &str)> =
                rows.iter().map(|(code, it)| (code.as_str(), *it)).collect();
            bench.check("moon.kv", &rows).await;
        }
    }

    #[tokio::test]
    async fn time_ends_them() {
        let bench = Bench::new(&["kv"]);
        bench.run("kv = require 'moon.kv' kv.set('a', 1, { ttl = '5m' }) kv.incr('n', 1, { ttl = 10 })").await;
        bench.fakes.clock.advance(Duration::from_secs(9));
        assert_eq!(bench.text("return kv.incr('n', 1, { ttl = '1h' }), kv.get('a')").await, "2, 1");
        bench.fakes.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.text("return kv.get('n'), kv.incr('n')").await, "nil, 1");
        bench.fakes.clock.advance(Duration::from_secs(290));
        assert_eq!(
            bench.text("return kv.get('a'), kv.delete('a'), #kv.list()").await,
            "nil, false, 1"
        );
    }

    #[tokio::test]
    async fn keys_are_listed_in_order_and_in_parts() {
        let bench = Bench::new(&["kv"]);
        bench
            .run("kv = require 'moon.kv' for i = 1, 9 do kv.set('k' .. i, i) end kv.set('l', 1)")
            .await;
        for (code, expected) in [
            ("return table.concat(kv.list('k', { limit = 3 }), ' ')", "k1 k2 k3"),
            ("return table.concat(kv.list('k', { limit = 3, after = 'k7' }), ' ')", "k8 k9"),
            ("return #kv.list(), #kv.list('k'), #kv.list('x')", "10, 9, 0"),
            ("return #kv.list('k', { after = 'a' }), #kv.list('k', { after = 'z' })", "9, 0"),
        ] {
            assert_eq!(bench.text(code).await, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn mistakes_are_named() {
        Bench::new(&["kv"])
            .check(
                "moon.kv",
                &[
                    ("kv.get(5)", "moon.kv.get: parameter 'key' must be a string, got number"),
                    ("kv.get('')", "parameter 'key' must have 1 to 512 bytes"),
                    (
                        "kv.set('a')",
                        "parameter 'value' must be a value (moon.kv.delete removes one), got nil",
                    ),
                    ("kv.set('a', print)", "moon.kv.set: value is a function"),
                    ("kv.set('a', string.rep('x', 2^20))", "has more than 1048576 bytes"),
                    (
                        "kv.set('a', 1, { tlt = 5 })",
                        "parameter 'options' has no field 'tlt'; perhaps 'ttl' is meant",
                    ),
                    (
                        "kv.set('a', 1, { ttl = 'soon' })",
                        "parameter 'options.ttl' is no span of time",
                    ),
                    ("kv.set('a', 1, 5)", "parameter 'options' must be a table, got number"),
                    ("kv.incr('a', 1.5)", "parameter 'by' must be a whole number"),
                    (
                        "kv.list('a', { limit = 0 })",
                        "parameter 'options.limit' must be a whole number from 1 to 1000",
                    ),
                ],
            )
            .await;
        let error = Bench::new(&["files:read"]).error("require('moon.kv').get('a')").await;
        assert!(
            error.contains("moon.kv.get is not granted to script \"test\": add \"kv\""),
            "{error}"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn counting_from_all_vms_at_once_is_exact() {
        let bench = Bench::new(&["kv"]);
        let code = "local kv = require 'moon.kv'
            for i = 1, 200 do
                kv.incr('n')
                repeat local old = kv.get('c') until kv.cas('c', old, (old or 0) + 1)
            end";
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let vm = Bench::at(bench.site.clone(), bench.fakes.clone());
                tokio::spawn(async move { drop(vm.run(code).await) })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let sums = "local kv = require 'moon.kv' return kv.get('n'), kv.get('c')";
        assert_eq!(bench.text(sums).await, "800, 800");
        let other = Site::new("other", Grants::new(["kv"]), bench.site.services.clone());
        let other = Bench::at(other, bench.fakes.clone());
        assert_eq!(other.text(sums).await, "nil, nil", "another script has its own");
    }
}
