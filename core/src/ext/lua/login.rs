//! A script that decides about logins.

use moonsail_lua::mlua::{self, Lua, Table};
use moonsail_lua::script::{Answer as Said, Kind, Returned};
use moonsail_lua::{Data, Fault, Secret as ScriptSecret, Trouble};
use moonsail_sdk::auth::{
    Abilities, Account, Answer, Auth, AuthUnavailable, Call, DynAuthenticator, Page, PasswordChange,
};
use moonsail_sdk::secret::Secret;

use super::answer::{NoAnswer, account, identity};
use super::argument::common;
use super::generation::{Place, Question};
use super::slot::Slot;

/// Accounts of one page at most.
const PAGE: usize = 1000;

impl Slot {
    fn listens(&self, event: &str) -> bool {
        let loaded = self.current().registered();
        loaded.registered.handlers.iter().any(|handler| handler.event == event)
    }

    /// Asks the script's handlers of an event until one has an opinion.
    async fn ask_login<T>(
        &self,
        call: &Call,
        event: &'static str,
        argument: impl Fn(&Lua, &Table) -> mlua::Result<()>,
        read: impl Fn(Returned) -> Result<Option<T>, NoAnswer>,
    ) -> Result<Option<T>, AuthUnavailable> {
        let generation = self.current();
        let loaded = generation.registered();
        let handlers = loaded.registered.handlers.iter().enumerate();
        for (at, handler) in handlers.filter(|(_, handler)| handler.event == event) {
            let question = Question {
                place: Place::Handler(at),
                request_id: &call.request_id,
                event,
                background: false,
            };
            let make = |lua: &Lua| {
                let table = common(lua, event, call)?;
                argument(lua, &table)?;
                Ok(table)
            };
            let returned = self.ask(&generation, &question, make).await;
            let returned = returned.map_err(|fault| AuthUnavailable::new(fault.message))?;
            match read(returned) {
                Ok(Some(answer)) => return Ok(Some(answer)),
                Ok(None) => {}
                Err(NoAnswer::Later(why)) => return Err(AuthUnavailable::new(why)),
                Err(NoAnswer::Wrong(why)) => {
                    let message =
                        format!("{}:{}: {event}: {why}", generation.shown(), handler.line);
                    let fault = Fault::new(Trouble::Script, message);
                    self.failed(event, &call.request_id, &fault);
                    return Err(AuthUnavailable::new(fault.message));
                }
            }
        }
        Ok(None)
    }

    fn secret(&self, name: &str, secret: &Secret) -> ScriptSecret {
        ScriptSecret::new(name, secret.reveal(), self.current().site())
    }

    async fn known(
        &self,
        call: &Call,
        field: &str,
        value: &str,
    ) -> Result<Option<Account>, AuthUnavailable> {
        let argument = |_: &Lua, table: &Table| table.raw_set(field, value);
        let read = |returned| record(returned, value);
        let found: Option<Account> = self.ask_login(call, "auth.lookup", argument, read).await?;
        // Looked for by its subject it has that subject, whatever the record says about the login.
        Ok(found.map(|mut found| {
            if field == "subject" {
                value.clone_into(&mut found.identity.subject);
            }
            found
        }))
    }
}

/// Any answer that the event does not take.
fn later_or_wrong<T>(answer: &Said) -> Result<T, NoAnswer> {
    match answer.kind {
        Kind::Tempfail => {
            let why = answer.data.get("message").and_then(Data::text).unwrap_or_default();
            Err(NoAnswer::Later(why.to_owned()))
        }
        kind => {
            Err(NoAnswer::Wrong(format!("returned {}, which the event does not take", kind.name())))
        }
    }
}

fn unfit(value: Option<&Data>) -> NoAnswer {
    let kind = value.map_or("nothing", Data::kind);
    NoAnswer::Wrong(format!(
        "returned a {kind}; return moon.ok{{ … }}, moon.deny(\"why\"), moon.next or moon.tempfail(\"why\")"
    ))
}

/// What a login comes to.
fn auth(returned: Returned, login: &str) -> Result<Option<Auth>, NoAnswer> {
    match returned {
        Returned::Answer(answer) => match answer.kind {
            Kind::Next => Ok(None),
            Kind::Ok => Ok(Some(Auth::Ok(identity(&answer.data, login)?))),
            Kind::Deny => Ok(Some(Auth::Denied)),
            Kind::Disabled => Ok(Some(Auth::Disabled)),
            Kind::Expired => Ok(Some(Auth::Expired)),
            _ => later_or_wrong(&answer),
        },
        Returned::Values(values) => Err(unfit(values.first())),
    }
}

/// What is known of an account.
fn record(returned: Returned, value: &str) -> Result<Option<Account>, NoAnswer> {
    match returned {
        Returned::Answer(Said { kind: Kind::Next, .. }) => Ok(None),
        Returned::Answer(Said { kind: Kind::Ok, data }) => account(&data, value).map(Some),
        Returned::Answer(Said { kind: Kind::Disabled, .. }) => {
            let known = Data::List(Vec::new());
            Ok(Some(Account { enabled: false, ..account(&known, value)? }))
        }
        Returned::Values(values) => match values.first() {
            Some(record) if record.fields().is_some() => account(record, value).map(Some),
            other => Err(unfit(other)),
        },
        Returned::Answer(answer) => later_or_wrong(&answer),
    }
}

/// Accounts, and where to go on.
fn page(returned: Returned, limit: usize) -> Result<Option<Page>, NoAnswer> {
    match returned {
        Returned::Answer(Said { kind: Kind::Next, .. }) => Ok(None),
        Returned::Answer(answer) => later_or_wrong(&answer),
        Returned::Values(values) => match values.first() {
            Some(Data::List(records)) => {
                let records = records.iter().take(limit.min(PAGE));
                let accounts: Result<_, _> = records.map(|record| account(record, "")).collect();
                let next = values.get(1).and_then(Data::text).map(str::to_owned);
                Ok(Some(Page { accounts: accounts?, next }))
            }
            other => Err(NoAnswer::Wrong(format!(
                "must return a list of tables, got {}",
                other.map_or("nothing", Data::kind)
            ))),
        },
    }
}

/// What became of a new password.
fn changed(returned: Returned) -> Result<Option<PasswordChange>, NoAnswer> {
    match returned {
        Returned::Answer(answer) => match answer.kind {
            Kind::Next => Ok(None),
            Kind::Ok => Ok(Some(PasswordChange::Done)),
            Kind::Deny => {
                let why = answer.data.get("message").and_then(Data::text);
                Ok(Some(PasswordChange::Refused(why.unwrap_or_default().to_owned())))
            }
            _ => later_or_wrong(&answer),
        },
        Returned::Values(values) => Err(unfit(values.first())),
    }
}

/// Whether the answer is one that the event takes.
pub(super) fn judge(event: &str, user: &str, returned: Returned) -> Result<(), NoAnswer> {
    match event {
        "auth.lookup" => record(returned, user).map(drop),
        "auth.search" => page(returned, PAGE).map(drop),
        "auth.set_password" => changed(returned).map(drop),
        _ => auth(returned, user).map(drop),
    }
}

impl DynAuthenticator for Slot {
    fn abilities(&self) -> Abilities {
        Abilities {
            tokens: self.listens("auth.token"),
            lookup: self.listens("auth.lookup"),
            list: self.listens("auth.search"),
            set_password: self.listens("auth.set_password"),
            explain: false,
        }
    }

    fn check_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        password: &'a Secret,
    ) -> Answer<'a, Auth> {
        Box::pin(async move {
            let argument = |_: &Lua, table: &Table| {
                table.raw_set("user", login)?;
                table.raw_set("password", self.secret("password", password))
            };
            let read = |returned| auth(returned, login);
            let answer = self.ask_login(call, "auth.password", argument, read).await?;
            Ok(answer.unwrap_or(Auth::Next))
        })
    }

    fn check_token<'a>(
        &'a self,
        call: &'a Call,
        kind: &'a str,
        token: &'a Secret,
    ) -> Answer<'a, Auth> {
        Box::pin(async move {
            let argument = |_: &Lua, table: &Table| {
                table.raw_set("kind", kind)?;
                table.raw_set("token", self.secret("token", token))
            };
            let read = |returned| auth(returned, "");
            let answer = self.ask_login(call, "auth.token", argument, read).await?;
            Ok(answer.unwrap_or(Auth::Next))
        })
    }

    fn lookup<'a>(&'a self, call: &'a Call, subject: &'a str) -> Answer<'a, Option<Account>> {
        Box::pin(self.known(call, "subject", subject))
    }

    fn find<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, Option<Account>> {
        Box::pin(self.known(call, "user", login))
    }

    fn list<'a>(
        &'a self,
        call: &'a Call,
        search: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> Answer<'a, Page> {
        Box::pin(async move {
            let argument = |_: &Lua, table: &Table| {
                table.raw_set("text", search)?;
                table.raw_set("limit", limit)?;
                table.raw_set("cursor", cursor)
            };
            let read = |returned| page(returned, limit);
            let page = self.ask_login(call, "auth.search", argument, read).await?;
            Ok(page.unwrap_or_default())
        })
    }

    fn set_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        old: Option<&'a Secret>,
        new: &'a Secret,
    ) -> Answer<'a, PasswordChange> {
        Box::pin(async move {
            let argument = |_: &Lua, table: &Table| {
                table.raw_set("user", login)?;
                table.raw_set("old", old.map(|old| self.secret("password", old)))?;
                table.raw_set("new", self.secret("password", new))
            };
            let done = self.ask_login(call, "auth.set_password", argument, changed).await?;
            Ok(done.unwrap_or(PasswordChange::Next))
        })
    }

    fn explain<'a>(&'a self, _: &'a Call, _: &'a str) -> Answer<'a, String> {
        Box::pin(async { Err(AuthUnavailable::new("scripts explain nothing")) })
    }
}
