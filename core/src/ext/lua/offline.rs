//! Scripts without a server, for `moonsail script check`, `test` and `fire`: what the server knows of
//! events and answers, for the runner.

use std::path::PathBuf;
use std::sync::Arc;

use moonsail_lua::Fault;
use moonsail_lua::runner::{Plan, Rules, Stage};
use moonsail_lua::script::Returned;

use super::answer::{NoAnswer, decision};
use super::{SERVER_EVENTS, events, login, route};
use crate::config;
use crate::hooks::{self, Answers, EVENTS};

/// The server's judgement, without the server.
#[derive(Debug, Clone, Copy)]
pub struct ServerRules;

impl Rules for ServerRules {
    fn check(&self, event: &str) -> Result<(), String> {
        events::check(event)
    }

    fn is_for_all(&self, event: &str) -> bool {
        let hook = EVENTS.iter().find(|spec| spec.name == event);
        let for_all =
            hook.is_some_and(|spec| matches!(spec.answers, Answers::Fold | Answers::Tell));
        for_all || self.is_change(event) || SERVER_EVENTS.iter().any(|own| own.name == event)
    }

    fn is_change(&self, event: &str) -> bool {
        events::is_after(event)
    }

    fn judge(&self, event: &str, user: &str, returned: &Returned) -> Result<(), String> {
        let returned = returned.clone();
        let judged = match EVENTS.iter().find(|spec| spec.name == event) {
            Some(spec) => decision(spec, returned)
                .and_then(|said| hooks::check(spec, &said).map_err(NoAnswer::Wrong)),
            None if event.starts_with("auth.") => {
                return taken(login::judge(event, user, returned));
            }
            None if event.ends_with(".route") => {
                return taken(route::judge(event, returned));
            }
            None => return Ok(()),
        };
        taken(judged.map(drop))
    }
}

/// A script that cannot answer now is right to say so.
fn taken(judged: Result<(), NoAnswer>) -> Result<(), String> {
    match judged {
        Ok(()) | Err(NoAnswer::Later(_)) => Ok(()),
        Err(NoAnswer::Wrong(why)) => Err(why),
    }
}

/// A script of `server.toml`, to be put on fakes.
pub fn plan(script: &config::Script) -> Plan {
    Plan {
        path: shortened(&script.path),
        name: script.name.clone(),
        allow: script.allow.clone(),
        config: script.config.clone().into(),
        secrets: script.secrets.clone(),
    }
}

/// As it looks from here.
fn shortened(path: &std::path::Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

/// Loads a script on fakes.
///
/// # Errors
/// [`Fault`] with file and line.
pub async fn stage(plan: &Plan) -> Result<Stage, Fault> {
    let (services, fakes) = moonsail_lua::Services::for_tests();
    let rules: Arc<dyn Rules> = Arc::new(ServerRules);
    Stage::load(plan, &services, &fakes, &rules).await
}
