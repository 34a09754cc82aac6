//! Asking providers for a password, in the order of `server.toml`, and keeping the account of who
//! answered.
//!
//! An account is keyed by (provider, immutable subject). Its user id is chosen once, at the first
//! login, from the login name, and is never given to anybody else.

use std::sync::Arc;

use moonsail_sdk::auth::{Auth as Answer, Call, DynAuthenticator, Identity};
use moonsail_sdk::secret::Secret;

use super::accounts::{check_email, check_text};
use super::{Auth, AuthError, By, audit};
use crate::ids::Uid;
use crate::store::accounts::User;
use crate::store::{self, StoreError, WriteTx};

/// How many user ids are tried for a login whose name is taken.
const MAX_TRIES: usize = 100;

/// What the chain found out.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The password belongs to this account.
    Known(String, Identity),
    /// Nobody knows the login, or its provider says the password is wrong.
    Wrong {
        /// Providers that were not asked any more.
        unasked: usize,
    },
    /// The account may not log in.
    Disabled,
    /// The password must be changed first.
    Expired,
}

/// Asks each provider until one decides.
///
/// # Errors
/// [`AuthError::Unavailable`] if a provider cannot be asked: those after it must not get a say on
/// an account that might be its own.
pub(crate) async fn ask(
    chain: &[(String, Arc<dyn DynAuthenticator>)],
    call: &Call,
    login: &str,
    password: &Secret,
) -> Result<Verdict, AuthError> {
    for (index, (name, provider)) in chain.iter().enumerate() {
        match provider.check_password(call, login, password).await {
            Ok(Answer::Ok(identity)) => return Ok(Verdict::Known(name.clone(), identity)),
            Ok(Answer::Next) => {}
            Ok(Answer::Denied) => return Ok(Verdict::Wrong { unasked: chain.len() - 1 - index }),
            Ok(Answer::Disabled) => return Ok(Verdict::Disabled),
            Ok(Answer::Expired) => return Ok(Verdict::Expired),
            Err(error) => {
                tracing::error!(provider = name, request = call.request_id, %error, "login cannot be checked");
                return Err(error.into());
            }
        }
    }
    Ok(Verdict::Wrong { unasked: 0 })
}

impl Auth {
    /// The account of an identity, made at its first login and brought up to date at each later one.
    pub(crate) async fn account_of(
        &self,
        by: &By,
        provider: String,
        identity: Identity,
    ) -> Result<User, AuthError> {
        let now = self.clock.seconds();
        let quota = self.default_quota();
        let name = provider.clone();
        let (user, is_new, first) = store::write(&self.store, move |tx| -> Result<_, StoreError> {
            match tx.user_by_subject(&provider, &identity.subject)? {
                Some(user) => {
                    let first = user.last_login.is_none();
                    Ok((update(tx, user, &identity, now)?, false, first))
                }
                None => {
                    let quota = identity.quota.or(quota);
                    let identity = Identity { quota, ..identity };
                    Ok((first_login(tx, &provider, &identity, now)?, true, true))
                }
            }
        })
        .await?;
        self.note_login(&user);
        if is_new {
            audit!(by, "first login", uid = %user.uid, provider = name);
        }
        if first {
            self.tell_first_login(by, &user, &name);
        }
        Ok(user)
    }
}

fn update(
    tx: &mut dyn WriteTx,
    mut user: User,
    identity: &Identity,
    now: i64,
) -> Result<User, StoreError> {
    adopt(&mut user, identity);
    user.last_login = Some(now);
    user.refused = false;
    tx.update_user(&user)?;
    if let Some(groups) = &identity.groups {
        set_groups(tx, &user.uid, &good_groups(groups))?;
    }
    Ok(user)
}

/// Takes over what a provider says about its account. What could not be entered by hand, such as a
/// name of two lines, is left as it was.
pub(crate) fn adopt(user: &mut User, identity: &Identity) {
    if let Some(name) = &identity.display_name
        && check_text("display name", name).is_ok()
    {
        user.display_name.clone_from(name);
    }
    if identity.email.is_some() && check_email(identity.email.as_deref()).is_ok() {
        user.email.clone_from(&identity.email);
    }
    user.quota = identity.quota.or(user.quota);
}

/// Names of groups without those that no group can have.
pub(crate) fn good_groups(groups: &[String]) -> Vec<String> {
    let good = |group: &&String| {
        let good = check_text("group", group).is_ok();
        if !good {
            tracing::warn!(
                ?group,
                "a provider's group is left out: its name is not one line of text"
            );
        }
        good
    };
    groups.iter().filter(good).cloned().collect()
}

fn first_login(
    tx: &mut dyn WriteTx,
    provider: &str,
    identity: &Identity,
    now: i64,
) -> Result<User, StoreError> {
    for uid in candidates(&identity.login) {
        // A name that logs in to another account, though by mail address, is taken.
        if tx.user_by_email(uid.as_str())?.is_some() {
            continue;
        }
        let mut user = User {
            uid,
            provider: provider.to_owned(),
            subject: identity.subject.clone(),
            display_name: identity.login.clone(),
            email: None,
            password: None,
            quota: identity.quota,
            enabled: true,
            admin: false,
            language: "en".to_owned(),
            created: now,
            last_login: Some(now),
            refused: false,
        };
        adopt(&mut user, identity);
        if tx.insert_user(&user)? {
            let groups = good_groups(identity.groups.as_deref().unwrap_or_default());
            set_groups(tx, &user.uid, &groups)?;
            return Ok(user);
        }
    }
    Err(StoreError::Failed(format!("no user id is left for a login of {provider}")))
}

/// Makes `groups` the groups of `uid`, creating those that are missing.
pub(crate) fn set_groups(
    tx: &mut dyn WriteTx,
    uid: &Uid,
    groups: &[String],
) -> Result<(), StoreError> {
    for group in tx.groups_of(uid)?.iter().filter(|group| !groups.contains(group)) {
        tx.set_member(group, uid, false)?;
    }
    for group in groups {
        tx.insert_group(group)?;
        tx.set_member(group, uid, true)?;
    }
    Ok(())
}

/// User ids for a login: itself with forbidden characters replaced, then numbered.
fn candidates(login: &str) -> impl Iterator<Item = Uid> {
    let mut base: String = login
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "_.@-".contains(c) { c } else { '_' })
        .take(60)
        .collect();
    if base.starts_with('.') || base.is_empty() {
        base.insert(0, '_');
    }
    base.truncate(60);
    std::iter::once(base.clone())
        .chain((2..=MAX_TRIES).map(move |number| format!("{base}_{number}")))
        .filter_map(|text| Uid::parse(&text))
}

#[cfg(test)]
mod tests {
    use moonsail_sdk::auth::{AuthUnavailable, Authenticator};

    use super::*;

    /// Says what it was made to say.
    struct Says(Answer);

    impl Authenticator for Says {
        async fn check_password(
            &self,
            _call: &Call,
            _login: &str,
            _password: &Secret,
        ) -> Result<Answer, AuthUnavailable> {
            Ok(self.0.clone())
        }
    }

    #[tokio::test]
    async fn who_is_refused_early_is_known_to_have_cost_less() {
        for (answers, wanted) in [
            (vec![Answer::Denied, Answer::Next], 1),
            (vec![Answer::Next, Answer::Denied, Answer::Next, Answer::Next], 2),
            (vec![Answer::Next, Answer::Denied], 0),
            (vec![Answer::Next, Answer::Next], 0),
        ] {
            let chain: Vec<(String, Arc<dyn DynAuthenticator>)> = answers
                .iter()
                .map(|answer| ("x".to_owned(), Arc::new(Says(answer.clone())) as _))
                .collect();
            let call = Call { request_id: "test".to_owned(), remote_ip: None };
            let verdict = ask(&chain, &call, "alice", &Secret::new("x")).await.expect("answers");
            let Verdict::Wrong { unasked } = verdict else { panic!("{answers:?}: {verdict:?}") };
            assert_eq!(unasked, wanted, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn an_expired_password_is_decisive() {
        let chain: Vec<(String, Arc<dyn DynAuthenticator>)> =
            [Answer::Expired, Answer::Ok(Identity::default())]
                .map(|answer| ("x".to_owned(), Arc::new(Says(answer)) as _))
                .into();
        let verdict = ask(&chain, &Call::default(), "alice", &Secret::new("x")).await;
        assert!(matches!(verdict, Ok(Verdict::Expired)), "{verdict:?}");
    }

    #[test]
    fn user_ids_are_made_from_any_login() {
        for (login, first, second) in [
            ("alice", "alice", "alice_2"),
            ("Alice.B@example.org", "Alice.B@example.org", "Alice.B@example.org_2"),
            ("Jörg Müller", "J_rg_M_ller", "J_rg_M_ller_2"),
            ("../../etc", "_.._.._etc", "_.._.._etc_2"),
            ("DOMAIN\\bob", "DOMAIN_bob", "DOMAIN_bob_2"),
            ("", "_", "__2"),
        ] {
            let ids: Vec<Uid> = candidates(login).take(2).collect();
            assert_eq!([ids[0].as_str(), ids[1].as_str()], [first, second], "{login:?}");
        }
        assert!(candidates(&"x".repeat(500)).count() == MAX_TRIES);
    }
}
