//! What `ldap.pool` returns, and what its `bind` does.

use std::sync::Arc;

use mlua::{Lua, MultiValue, Result, Table, UserData, UserDataMethods, Value};

use crate::modules::args::{Args, Given};
use crate::modules::build::{failed, or_failed};
use crate::services::{Entry, LdapError, LdapPool, Login, Question, Scope};

/// Entries of one answer.
const MOST: usize = 10_000;

pub(super) struct Pool(pub(super) Arc<dyn LdapPool>);

/// A login at a pool. Connections are the pool's, and are taken for each question.
struct Connection {
    pool: Arc<dyn LdapPool>,
    login: Login,
}

impl UserData for Pool {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method("bind", |lua, this, values: MultiValue| {
            let pool = Arc::clone(&this.0);
            async move { bind(&lua, pool, Args::of("moon.ldap:bind", values)).await }
        });
        methods.add_async_method("check", |_, this, values: MultiValue| {
            let pool = Arc::clone(&this.0);
            async move {
                let mut args = Args::of("moon.ldap:check", values);
                let dn = name(&args.take("dn"))?;
                let password = args.take("password").sensitive()?;
                // An unauthenticated bind (RFC 4513 §5.1.2) succeeds whatever the entry.
                if password.is_empty() || password.contains(&0) {
                    return Ok(false);
                }
                match pool.check(&dn, &password).await {
                    Ok(()) => Ok(true),
                    Err(LdapError::Refused(_)) => Ok(false),
                    Err(error) => Err(args.error(error)),
                }
            }
        });
    }
}

/// A DN that is not empty: with an empty one, any password is nobody's.
fn name(given: &Given) -> Result<String> {
    let dn = given.text()?;
    match dn.trim().is_empty() {
        false => Ok(dn),
        true => Err(given.bad("is empty")),
    }
}

async fn bind(lua: &Lua, pool: Arc<dyn LdapPool>, mut args: Args) -> Result<MultiValue> {
    let login = match args.take("dn").or_none() {
        None => None,
        Some(dn) => {
            let (dn, given) = (name(&dn)?, args.take("password"));
            let password = given.sensitive()?;
            if password.is_empty() {
                return Err(
                    given.bad("is empty: a directory would take that for nobody, and say yes")
                );
            }
            if let Err(error) = pool.check(&dn, &password).await {
                return failed(lua, error.to_string());
            }
            Some((dn, password))
        }
    };
    or_failed(lua, Ok::<_, String>(lua.create_userdata(Connection { pool, login })?))
}

impl UserData for Connection {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method("search", |lua, this, values: MultiValue| {
            let (pool, login) = (Arc::clone(&this.pool), this.login.clone());
            async move {
                let mut args = Args::of("moon.ldap:search", values);
                let question = question(&mut args, true)?;
                let found =
                    pool.search(&login, &question).await.map_err(|error| args.error(error))?;
                let list = lua.create_table()?;
                for entry in &found {
                    list.raw_push(shown(&lua, entry, &question.attributes)?)?;
                }
                Ok(list)
            }
        });
        methods.add_async_method("search_one", |lua, this, values: MultiValue| {
            let (pool, login) = (Arc::clone(&this.pool), this.login.clone());
            async move {
                let mut args = Args::of("moon.ldap:search_one", values);
                let question = question(&mut args, false)?;
                let found =
                    pool.search(&login, &question).await.map_err(|error| args.error(error))?;
                match found.as_slice() {
                    [] => Ok(None),
                    [entry] => shown(&lua, entry, &question.attributes).map(Some),
                    _ => Err(args.error(format!("several entries match {}", question.filter))),
                }
            }
        });
    }
}

fn question(args: &mut Args, many: bool) -> Result<Question> {
    let known = ["base", "filter", "scope", "attrs", "limit"];
    let options = args.take("question").options(if many { &known } else { &known[..4] })?;
    let base = name(&options.take("base")?)?;
    let scopes = [("sub", Scope::Sub), ("one", Scope::One), ("base", Scope::Base)];
    let filter = options.take("filter")?;
    let text = match filter.value().is_nil() {
        true => "(objectClass=*)".to_owned(),
        false => filter.text()?,
    };
    if ldap3::parse_filter(&text).is_err() {
        return Err(filter.bad("is no filter (RFC 4515); make it with moon.ldap.filter"));
    }
    let limit = options.maybe("limit", |given| given.count(MOST))?;
    Ok(Question {
        base,
        scope: options.maybe("scope", |given| given.word(&scopes))?.unwrap_or(Scope::Sub),
        filter: text,
        attributes: options.maybe("attrs", Given::texts)?.unwrap_or_default(),
        limit: if many { limit.unwrap_or(1000) } else { 2 },
    })
}

/// An entry as a table. Directories spell names as they like, scripts as in `attrs`.
fn shown(lua: &Lua, entry: &Entry, attributes: &[String]) -> Result<Table> {
    let table = lua.create_table()?;
    for (name, values) in &entry.attributes {
        let asked = attributes.iter().find(|it| it.eq_ignore_ascii_case(name)).unwrap_or(name);
        let value = match values.as_slice() {
            [] => continue,
            [one] => Value::String(lua.create_string(one)?),
            several => {
                let list: Result<Vec<_>> =
                    several.iter().map(|value| lua.create_string(value)).collect();
                Value::Table(lua.create_sequence_from(list?)?)
            }
        };
        table.raw_set(asked.as_str(), value)?;
    }
    table.raw_set("dn", entry.dn.as_str())?;
    Ok(table)
}
