//! A password that is changed, or an account that is disabled, while somebody is about to use what
//! was shown before (threats §4).

use moonsail::auth::{
    AccountError, AppPasswordError, Auth, AuthError, By, Caller, NewToken, Principal, UserChange,
};
use moonsail::wire::Request;
use moonsail_sdk::secret::Secret;

use crate::flows::{GRANT, allow, poll, start};
use crate::house::{Browser, HOME, House, PASSWORD, asking, basic, request};

const NEW: &str = "an0ther-passw0rd";

/// What ends logins.
#[derive(Debug, Clone, Copy)]
enum End {
    Password,
    Disabled,
    Deleted,
}

const ENDS: [End; 3] = [End::Password, End::Disabled, End::Deleted];

async fn end(house: &House, end: End) {
    let by = By::console();
    match end {
        End::Password => house.auth.set_password(&by, "bob", &Secret::new(NEW)).await,
        End::Disabled => house.auth.change_user(&by, "bob", UserChange::Enabled(false)).await,
        End::Deleted => house.auth.delete_user(&by, "bob").await.map(drop),
    }
    .unwrap_or_else(|error| panic!("{end:?}: {error}"));
}

/// Bob, who has just shown his password.
async fn bob(house: &House) -> Principal {
    let caller = Caller {
        ip: HOME.parse().expect("an address"),
        request_id: "test".to_owned(),
        device: None,
        client: "other",
    };
    let password = Secret::new("B0b-passw0rd");
    house.auth.login(&caller, "bob", &password).await.expect("is let in")
}

fn empty() -> Request {
    request("POST", "/", &[], "")
}

#[tokio::test]
async fn a_login_from_before_a_change_opens_no_session() {
    for change in ENDS {
        let house = House::new().await;
        let bob = bob(&house).await;
        end(&house, change).await;
        let opened = house.auth.open_session(&empty(), &bob).await;
        let wanted = match change {
            End::Disabled => AuthError::Disabled,
            End::Password | End::Deleted => AuthError::BadCredentials,
        };
        assert_eq!(opened, Err(wanted), "{change:?}");
    }
}

#[tokio::test]
async fn a_login_from_before_a_change_makes_no_app_password_and_changes_nothing() {
    for change in ENDS {
        let house = House::new().await;
        let bob = bob(&house).await;
        end(&house, change).await;
        let made = house.auth.exchange_password(&empty(), &bob, "late").await;
        assert!(matches!(made, Err(AppPasswordError::Auth(_))), "{change:?}: {:?}", made.map(drop));
        let by = By::of(&empty(), &bob);
        let secret = Secret::new("a-third-passw0rd");
        let changed = house.auth.set_password(&by, "bob", &secret).await;
        assert!(matches!(changed, Err(AccountError::LoginOver)), "{change:?}: {changed:?}");
        let name = UserChange::DisplayName("Late".to_owned());
        let changed = house.auth.change_user(&by, "bob", name).await;
        assert!(matches!(changed, Err(AccountError::LoginOver)), "{change:?}: {changed:?}");
    }
}

#[tokio::test]
async fn of_two_changes_by_one_old_password_one_counts() {
    let house = House::new().await;
    let (mine, thiefs) = (bob(&house).await, bob(&house).await);
    let set = async |principal: &Principal, password: &str| {
        let by = By::of(&empty(), principal);
        house.auth.set_password(&by, "bob", &Secret::new(password)).await
    };
    set(&mine, NEW).await.expect("the first is taken");
    let late = set(&thiefs, "the-thiefs-own").await;
    assert!(matches!(late, Err(AccountError::LoginOver)), "{late:?}");
    assert!(house.auth.authenticate(&asking(&basic("bob", NEW), HOME)).await.is_ok());
}

/// The body of a request may come long after its head was let in: what let it in has to hold when it
/// is carried out.
#[tokio::test]
async fn who_is_no_administrator_any_more_or_holds_a_revoked_app_password_changes_nothing() {
    let house = House::new().await;
    let console = By::console();
    let admin = async |is: bool| {
        house.auth.change_user(&console, "bob", UserChange::Admin(is)).await.expect("is changed");
    };
    let rename = async |principal: &Principal| {
        let (by, change) = (By::of(&empty(), principal), UserChange::DisplayName("X".to_owned()));
        house.auth.change_user(&by, "alice", change).await
    };
    admin(true).await;
    let by_password = bob(&house).await;
    let new = NewToken::full(by_password.uid.clone(), "bob", "thief");
    let (id, secret) = house.auth.add_token(new).await.expect("is made");
    let shown = asking(&basic("bob", secret.reveal()), HOME);
    let by_token = house.auth.authenticate(&shown).await.expect("is let in").expect("is somebody");
    for principal in [&by_password, &by_token] {
        assert!(rename(principal).await.is_ok(), "while all holds");
    }
    admin(false).await;
    for principal in [&by_password, &by_token] {
        let late = rename(principal).await;
        assert!(matches!(late, Err(AccountError::LoginOver)), "{late:?}");
    }
    admin(true).await;
    house.auth.revoke_token(&console, &by_token.uid, id).await.expect("is revoked");
    let late = rename(&by_token).await;
    assert!(matches!(late, Err(AccountError::LoginOver)), "{late:?}");
    assert!(rename(&by_password).await.is_ok());
}

/// Granted is not fetched: what was granted with the old password goes with it.
#[tokio::test]
async fn a_granted_flow_ends_with_the_password_and_with_the_account() {
    for change in ENDS {
        let house = House::new().await;
        let (token, url) = start(&house).await;
        let mut browser = Browser::new(&house);
        browser.get(&url).await;
        browser.log_in("/login/v2/flow", "bob", "B0b-passw0rd").await;
        let question = browser.get("/login/v2/flow").await;
        assert_eq!(allow(&mut browser, &question, GRANT).await.status, 200);
        end(&house, change).await;
        if matches!(change, End::Disabled) {
            // Also if it is enabled again before the app asks.
            let by = By::console();
            let change = UserChange::Enabled(true);
            house.auth.change_user(&by, "bob", change).await.expect("is changed");
        }
        assert_eq!(poll(&house, &token).await.status, 404, "{change:?}");
    }
}

#[tokio::test]
async fn a_grant_in_a_session_from_before_a_change_is_refused() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let mut browser = Browser::new(&house);
    browser.get(&url).await;
    browser.log_in("/login/v2/flow", "bob", "B0b-passw0rd").await;
    let get = browser.request("GET", "/", "");
    let session = house.auth.session(&get).await.expect("reads").expect("a session");
    let flow = url.rsplit('/').next().expect("a token");
    end(&house, End::Password).await;
    let granted = house.auth.grant_flow(&get, flow, &session).await;
    assert!(granted.is_err(), "{granted:?}");
    let granted = house.auth.grant_old_flow(&get, "v1-1-x", "app", &session).await;
    assert!(granted.is_err(), "an app password of flow v1");
    assert_eq!(poll(&house, &token).await.status, 404);
}

#[tokio::test]
async fn the_old_flow_is_granted_once_whoever_kept_the_page() {
    let house = House::new().await;
    let mut view = Browser::new(&house);
    view.fields.push(("ocs-apirequest", "true".to_owned()));
    view.log_in("/index.php/login/flow", "bob", "B0b-passw0rd").await;
    let question = view.get("/index.php/login/flow").await;
    let kept = view.jar.clone();
    let done = allow(&mut view, &question, "/index.php/login/flow").await;
    assert!(done.field("location").starts_with("nc://login/"), "{}", done.field("location"));
    // The answer took the cookie away; who kept it has no more of it.
    view.jar = kept;
    let again = allow(&mut view, &question, "/index.php/login/flow").await;
    assert_eq!((again.status.as_u16(), again.field("location")), (403, ""));
    let bob = house.auth.find_user("bob").await.expect("reads").expect("exists").uid;
    assert_eq!(house.auth.tokens_of(&bob).await.expect("reads").len(), 1);
}

/// Logs Bob in by the form; gives what his cookie proves after `minutes`.
async fn session_after(house: &House, minutes: u64) -> (Request, Principal) {
    let mut browser = Browser::new(house);
    browser.log_in("/index.php/login", "bob", "B0b-passw0rd").await;
    house.wait(minutes * 60);
    let get = browser.request("GET", "/", "");
    let session = house.auth.session(&get).await.expect("reads").expect("a session");
    (get, session)
}

#[tokio::test]
async fn a_browser_left_open_gives_nobody_an_app_password() {
    let house = House::new().await;
    let (get, session) = session_after(&house, 14).await;
    assert!(house.auth.is_fresh(&session));
    assert!(house.auth.exchange_password(&get, &session, "a laptop").await.is_ok());
    let (get, session) = session_after(&house, 15).await;
    let refused = house.auth.exchange_password(&get, &session, "a passer-by").await;
    assert_eq!(refused.map(drop), Err(AppPasswordError::LoginTooOld));
}

/// A thief and the owner rotate at the same time: one of them is told that the secret is void.
#[tokio::test]
async fn of_two_rotations_of_one_secret_one_wins() {
    let house = House::new().await;
    let token = crate::tokens::token(&house, "alice").await;
    let ask = asking(&basic("alice", &token), HOME);
    // Both are let in before either rotates.
    let first = house.auth.authenticate(&ask).await.expect("is let in").expect("somebody");
    let second = first.clone();
    let rotate = async |auth: &Auth, who: &Principal| auth.rotate_token(&ask, who).await;
    let won = rotate(&house.auth, &first).await.expect("rotates");
    let lost = rotate(&house.auth, &second).await;
    let bad = AppPasswordError::Auth(AuthError::BadCredentials);
    assert_eq!(lost.map(drop), Err(bad), "the second has the same secret");
    let ask = asking(&basic("alice", won.reveal()), HOME);
    assert!(house.auth.authenticate(&ask).await.is_ok(), "the winner's secret stays");
    assert!(house.auth.authenticate(&asking(&basic("alice", PASSWORD), HOME)).await.is_ok());
}
