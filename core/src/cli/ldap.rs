//! `moonsail ldap`: what directories say, asked by this process, whether a server runs or not.
//!
//! Nothing here knows LDAP: any provider of `auth.chain` that can explain or list is asked.

mod diff;
mod text;

use std::sync::Arc;

use moonsail_sdk::auth::{Account, AuthUnavailable, Call, DynAuthenticator};
use serde_json::{Value, json};

use super::args::ldap::{DiffArgs, ExplainArgs, LdapVerb};
use super::exit::{self, Exit};
use super::out;
use super::session::Session;
use crate::app::{OpenProviders, Providers};
use crate::config::{Overrides, Settings};

/// Accounts that are asked for at once; a provider may give fewer.
const PAGE: usize = 500;

pub(super) fn run(flags: &Overrides, verb: LdapVerb) -> Exit {
    let done = match verb {
        LdapVerb::Explain(args) => Session::open(flags).and_then(|session| {
            waited_for(async {
                let asked = opened(session.settings()).await?;
                let done = explain(&asked.providers, &args).await;
                asked.close().await;
                done
            })
        }),
        LdapVerb::Diff(args) => Session::open(flags).and_then(|session| {
            let flags = Overrides { config: Some(args.new.clone()), ..flags.clone() };
            let other = Session::open(&flags)?;
            waited_for(async {
                let before = opened(session.settings()).await?;
                let done = match opened(other.settings()).await {
                    Ok(after) => {
                        let done = compare(&before.providers, &after.providers, &args).await;
                        after.close().await;
                        done
                    }
                    Err(exit) => Err(exit),
                };
                before.close().await;
                done
            })
        }),
    };
    done.err().unwrap_or(Exit(exit::OK))
}

async fn opened(settings: &Settings) -> Result<OpenProviders, Exit> {
    OpenProviders::open(settings).await.map_err(|error| {
        out::error(error);
        Exit(exit::CONFIGURATION)
    })
}

fn waited_for(work: impl Future<Output = Result<(), Exit>>) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            out::error(format_args!("the runtime does not start: {error}"));
            Err(Exit(exit::FAILURE))
        }
    }
}

fn call() -> Call {
    Call { request_id: "console".to_owned(), remote_ip: None }
}

/// Prints what each provider makes of a login.
async fn explain(providers: &Providers, args: &ExplainArgs) -> Result<(), Exit> {
    let mut told = Vec::new();
    for (name, provider) in providers.iter().filter(|(_, it)| it.abilities().explain) {
        let answer = provider.explain(&call(), &args.login).await.map_err(failed(name))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| {
            out::error(format_args!("{name}: its explanation cannot be read: {error}"));
            Exit(exit::FAILURE)
        })?;
        told.push(json!({ "provider": name, "explanation": answer }));
    }
    if told.is_empty() {
        return Err(none_can("explain a login"));
    }
    match args.json {
        true => out::json(&Value::Array(told)),
        false => told.iter().flat_map(text::lines).for_each(out::line),
    }
    Ok(())
}

/// Prints what would change for whom.
async fn compare(before: &Providers, after: &Providers, args: &DiffArgs) -> Result<(), Exit> {
    let mut found = Vec::new();
    for name in names(before, after) {
        let (old, new) = (listed(before, name).await?, listed(after, name).await?);
        if old.is_some() || new.is_some() {
            let difference = diff::of(old.unwrap_or_default(), new.unwrap_or_default());
            found.push((name, difference));
        }
    }
    if found.is_empty() {
        return Err(none_can("list its accounts"));
    }
    if args.json {
        let all = found.iter().map(|(name, difference)| difference.json(name)).collect();
        out::json(&Value::Array(all));
    } else {
        for (name, difference) in &found {
            difference.lines(name).into_iter().for_each(out::line);
        }
    }
    Ok(())
}

/// The names of both, each once.
fn names<'a>(before: &'a Providers, after: &'a Providers) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in before.iter().chain(after) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// All accounts of a provider; `None` if it is not there or does not list any.
async fn listed(providers: &Providers, wanted: &str) -> Result<Option<Vec<Account>>, Exit> {
    let found = providers.iter().find(|(name, it)| name == wanted && it.abilities().list);
    let Some((name, provider)) = found else { return Ok(None) };
    all_of(provider).await.map(Some).map_err(failed(name))
}

async fn all_of(provider: &Arc<dyn DynAuthenticator>) -> Result<Vec<Account>, AuthUnavailable> {
    let mut accounts = Vec::new();
    let mut cursor = None;
    loop {
        let page = provider.list(&call(), "", PAGE, cursor.as_deref()).await?;
        accounts.extend(page.accounts);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(accounts);
        }
    }
}

fn failed(name: &str) -> impl Fn(AuthUnavailable) -> Exit + '_ {
    move |error| {
        out::error(format_args!("{name}: {error}"));
        Exit(exit::FAILURE)
    }
}

fn none_can(what: &str) -> Exit {
    out::error(format_args!("no provider in auth.chain can {what}; a directory's plugin can"));
    Exit(exit::CONFIGURATION)
}

#[cfg(test)]
mod tests {
    use moonsail_sdk::auth::{Abilities, Auth, Authenticator, Identity, Page};
    use moonsail_sdk::secret::Secret;

    use super::*;

    /// Gives one account a page.
    struct Paged(usize);

    impl Authenticator for Paged {
        fn abilities(&self) -> Abilities {
            Abilities { list: true, explain: true, ..Abilities::default() }
        }

        async fn check_password(
            &self,
            _: &Call,
            _: &str,
            _: &Secret,
        ) -> Result<Auth, AuthUnavailable> {
            Ok(Auth::Next)
        }

        async fn list(
            &self,
            _: &Call,
            _: &str,
            _: usize,
            cursor: Option<&str>,
        ) -> Result<Page, AuthUnavailable> {
            let at: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let (subject, login) = (format!("id-{at}"), format!("login-{at}"));
            let identity = Identity { subject, login, ..Identity::default() };
            let next = Some(at + 1).filter(|next| *next < self.0).map(|next| next.to_string());
            Ok(Page { accounts: vec![Account { identity, enabled: true }], next })
        }

        async fn explain(&self, _: &Call, login: &str) -> Result<String, AuthUnavailable> {
            match login {
                "down" => Err(AuthUnavailable::new("no answer")),
                "odd" => Ok("{".to_owned()),
                _ => Ok(json!({ "login": login }).to_string()),
            }
        }
    }

    fn providers(pages: usize) -> Providers {
        vec![("plugin:ldap".to_owned(), Arc::new(Paged(pages)))]
    }

    #[tokio::test]
    async fn all_pages_are_listed_and_who_cannot_list_is_none() {
        let some = providers(3);
        let all = listed(&some, "plugin:ldap").await.unwrap().unwrap();
        let logins: Vec<&str> = all.iter().map(|account| &*account.identity.login).collect();
        assert_eq!(logins, ["login-0", "login-1", "login-2"]);
        assert!(listed(&some, "plugin:other").await.unwrap().is_none());
        assert_eq!(names(&some, &providers(1)), ["plugin:ldap"]);
    }

    #[tokio::test]
    async fn exit_codes_tell_what_went_wrong() {
        let args = |login: &str| ExplainArgs { login: login.to_owned(), json: true };
        for (providers, login, code) in [
            (providers(1), "alice", None),
            (providers(1), "down", Some(exit::FAILURE)),
            (providers(1), "odd", Some(exit::FAILURE)),
            (Providers::new(), "alice", Some(exit::CONFIGURATION)),
        ] {
            let got = explain(&providers, &args(login)).await.err().map(|exit| exit.0);
            assert_eq!(got, code, "{login}");
        }
    }
}
