//! Accounts of a directory that changes while nobody logs in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use moonsail::auth::{AuthError, BUILTIN, By, UserChange};
use moonsail::wire::Request;
use moonsail_sdk::auth::{
    Abilities, Account, Auth as Answer, AuthUnavailable, Authenticator, Call, Identity,
};
use moonsail_sdk::secret::Secret;

use crate::house::{Browser, HOME, House, asking, basic};

/// Everybody's password there.
const PASSWORD: &str = "from the directory";

/// A directory in which everybody has the same password.
#[derive(Default)]
struct State {
    accounts: BTreeMap<String, Account>,
    down: bool,
    lookups: usize,
}

#[derive(Clone, Default)]
struct Directory(Arc<Mutex<State>>);

impl Directory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("sound")
    }

    /// Adds or replaces the account of a subject.
    fn has(&self, subject: &str, login: &str, change: impl FnOnce(&mut Account)) {
        let (subject, login) = (subject.to_owned(), login.to_owned());
        let identity = Identity { subject: subject.clone(), login, ..Identity::default() };
        let mut account = Account { identity, enabled: true };
        change(&mut account);
        self.state().accounts.insert(subject, account);
    }

    fn asked(&self) -> Result<MutexGuard<'_, State>, AuthUnavailable> {
        let state = self.state();
        if state.down { Err(AuthUnavailable::new("down")) } else { Ok(state) }
    }
}

impl Authenticator for Directory {
    fn abilities(&self) -> Abilities {
        Abilities { lookup: true, ..Abilities::default() }
    }

    async fn check_password(
        &self,
        _call: &Call,
        login: &str,
        password: &Secret,
    ) -> Result<Answer, AuthUnavailable> {
        let state = self.asked()?;
        let found = state.accounts.values().find(|account| account.identity.login == login);
        Ok(match found {
            None => Answer::Next,
            Some(_) if password.reveal() != PASSWORD => Answer::Denied,
            Some(account) if !account.enabled => Answer::Disabled,
            Some(account) => Answer::Ok(account.identity.clone()),
        })
    }

    async fn lookup(
        &self,
        _call: &Call,
        subject: &str,
    ) -> Result<Option<Account>, AuthUnavailable> {
        self.state().lookups += 1;
        Ok(self.asked()?.accounts.get(subject).cloned())
    }
}

/// A house whose directory has carol, who has logged in, with an app password and a session.
struct Scene {
    house: House,
    directory: Directory,
    by_token: Request,
    by_session: Request,
}

async fn scene() -> Scene {
    let directory = Directory::default();
    let first = Arc::new(directory.clone());
    let house = House::with_providers(|builtin| {
        vec![("plugin:directory".to_owned(), first), (BUILTIN.to_owned(), builtin)]
    });
    directory.has("uuid-1", "carol", |_| {});
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "carol", PASSWORD).await;
    let by_session = browser.request("GET", "/", "");
    let token = crate::tokens::token(&house, "carol").await;
    let by_token = asking(&basic("carol", &token), HOME);
    let scene = Scene { house, directory, by_token, by_session };
    assert_eq!(scene.lets_in().await, (true, true));
    scene
}

impl Scene {
    /// Whether the app password and the session are good.
    async fn lets_in(&self) -> (bool, bool) {
        let by_token = match self.house.auth.authenticate(&self.by_token).await {
            Ok(_) => true,
            Err(AuthError::Disabled) => false,
            Err(error) => panic!("{error}"),
        };
        let by_session = self.house.auth.authenticate(&self.by_session).await.expect("reads");
        (by_token, by_session.is_some())
    }

    /// Half a minute, and what the server does meanwhile.
    async fn half_a_minute(&self) {
        self.house.wait(30);
        self.house.auth.refresh_due().await;
    }

    async fn logs_in(&self, login: &str) -> Result<String, AuthError> {
        let request = asking(&basic(login, PASSWORD), HOME);
        let answer = self.house.auth.authenticate(&request).await;
        answer.map(|principal| principal.expect("credentials were sent").uid.to_string())
    }
}

#[tokio::test]
async fn an_account_that_its_directory_disables_is_out_within_a_minute() {
    let scene = scene().await;
    scene.directory.has("uuid-1", "carol", |account| account.enabled = false);
    scene.half_a_minute().await;
    assert_eq!(scene.lets_in().await, (false, false));
    assert_eq!(scene.logs_in("carol").await, Err(AuthError::Disabled), "also from memory");

    scene.directory.has("uuid-1", "carol", |_| {});
    scene.half_a_minute().await;
    assert_eq!(scene.lets_in().await, (true, false), "its sessions are gone, its apps go on");
    assert_eq!(scene.logs_in("carol").await.as_deref(), Ok("carol"));
}

#[tokio::test]
async fn an_account_that_is_gone_from_its_directory_is_out_within_a_minute() {
    let scene = scene().await;
    let account = scene.directory.state().accounts.remove("uuid-1").expect("was there");
    scene.half_a_minute().await;
    assert_eq!(scene.lets_in().await, (false, false));
    // Somebody else of that name is somebody else.
    scene.directory.has("uuid-2", "carol", |_| {});
    assert_eq!(scene.logs_in("carol").await.as_deref(), Ok("carol_2"));
    assert_eq!(scene.lets_in().await, (false, false));
    // Restored from a backup: the same account again, at its next login at the latest.
    scene.directory.state().accounts = BTreeMap::from([("uuid-1".to_owned(), account)]);
    scene.house.wait(301);
    assert_eq!(scene.logs_in("carol").await.as_deref(), Ok("carol"));
    assert_eq!(scene.lets_in().await, (true, false));
}

#[tokio::test]
async fn while_the_directory_is_down_what_is_known_counts() {
    let scene = scene().await;
    scene.directory.state().down = true;
    for _ in 0..5 {
        scene.half_a_minute().await;
        scene.house.auth.refresh_others().await;
        assert_eq!(scene.lets_in().await, (true, true));
    }
    scene.house.wait(301);
    let new = scene.logs_in("carol").await;
    assert!(matches!(new, Err(AuthError::Unavailable { .. })), "{new:?}");
    assert_eq!(scene.lets_in().await, (true, true));
    let before = scene.directory.state().lookups;
    for _ in 0..20 {
        scene.house.auth.refresh_due().await;
    }
    let asked = scene.directory.state().lookups - before;
    assert!(asked <= 1, "it is left alone for a while, not asked {asked} times");
}

#[tokio::test]
async fn a_changed_entry_changes_the_account_and_stays_the_same_one() {
    let scene = scene().await;
    scene.directory.has("uuid-1", "carol.married", |account| {
        account.identity.display_name = Some("Carol M.".to_owned());
        account.identity.email = Some("carol@example.test".to_owned());
        account.identity.quota = Some(7);
        // A name of two lines is nobody's.
        account.identity.groups = Some(vec!["staff".to_owned(), "a\nb".to_owned(), String::new()]);
    });
    scene.half_a_minute().await;
    assert_eq!(scene.lets_in().await, (true, true));
    let carol = scene.house.auth.find_user("carol").await.expect("reads").expect("there");
    assert_eq!(carol.display_name, "Carol M.");
    assert_eq!((carol.email.as_deref(), carol.quota), (Some("carol@example.test"), Some(7)));
    assert_eq!(scene.house.auth.groups_of(&carol.uid).await.expect("reads"), ["staff"]);
    assert_eq!(scene.logs_in("carol.married").await.as_deref(), Ok("carol"));

    scene.directory.has("uuid-1", "carol.married", |account| {
        account.identity.display_name = Some("\u{1b}[31m\n".to_owned());
        account.identity.email = Some("not an address".to_owned());
        account.identity.groups = Some(Vec::new());
    });
    scene.half_a_minute().await;
    let carol = scene.house.auth.find_user("carol").await.expect("reads").expect("there");
    assert_eq!(carol.display_name, "Carol M.");
    assert_eq!(carol.email.as_deref(), Some("carol@example.test"));
    assert!(scene.house.auth.groups_of(&carol.uid).await.expect("reads").is_empty());
}

#[tokio::test]
async fn whom_the_administrator_has_disabled_no_directory_lets_in() {
    let scene = scene().await;
    let disable = UserChange::Enabled(false);
    scene.house.auth.change_user(&By::console(), "carol", disable).await.expect("is changed");
    scene.half_a_minute().await;
    assert_eq!(scene.lets_in().await, (false, false));
    assert_eq!(scene.logs_in("carol").await, Err(AuthError::Disabled));
}

#[tokio::test]
async fn an_account_is_asked_about_once_in_half_a_minute_and_only_while_in_use() {
    let scene = scene().await;
    let lookups = || scene.directory.state().lookups;
    for _ in 0..10 {
        scene.house.auth.refresh_due().await;
        assert_eq!(scene.lets_in().await, (true, true));
    }
    assert_eq!(lookups(), 0, "the login was news enough");
    scene.half_a_minute().await;
    scene.house.auth.refresh_due().await;
    assert_eq!(lookups(), 1);
    scene.house.wait(3600);
    scene.house.auth.refresh_due().await;
    assert_eq!(lookups(), 1, "nobody has used it");
    scene.house.auth.refresh_others().await;
    assert_eq!(lookups(), 2, "but it is looked at now and then");
}
