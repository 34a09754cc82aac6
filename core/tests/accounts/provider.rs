//! Accounts whose passwords are elsewhere: a directory in front of the built-in users.

use std::sync::Arc;
use std::sync::Mutex;

use moonsail::auth::{AccountError, AuthError, BUILTIN, By};
use moonsail_sdk::auth::{Auth as Answer, AuthUnavailable, Authenticator, Call, Identity};
use moonsail_sdk::secret::Secret;

use crate::house::{HOME, House, PASSWORD, asking, basic};

/// A directory that answers what it was last told to.
#[derive(Clone, Default)]
struct Directory(Arc<Mutex<Option<Result<Answer, AuthUnavailable>>>>);

impl Directory {
    fn says(&self, answer: Answer) {
        *self.0.lock().expect("sound") = Some(Ok(answer));
    }

    fn is_down(&self) {
        *self.0.lock().expect("sound") = Some(Err(AuthUnavailable::new("down")));
    }
}

impl Authenticator for Directory {
    async fn check_password(
        &self,
        call: &Call,
        _login: &str,
        password: &Secret,
    ) -> Result<Answer, AuthUnavailable> {
        assert!(!password.reveal().is_empty(), "an empty password must not reach a directory");
        assert_eq!(call.remote_ip, Some(HOME.parse().expect("an address")));
        self.0.lock().expect("sound").clone().unwrap_or(Ok(Answer::Next))
    }
}

fn house() -> (House, Directory) {
    let directory = Directory::default();
    let first = Arc::new(directory.clone());
    let house = House::with_providers(|builtin| {
        vec![("plugin:directory".to_owned(), first), (BUILTIN.to_owned(), builtin)]
    });
    (house, directory)
}

async fn uid(house: &House, login: &str, password: &str) -> Result<String, AuthError> {
    let answer = house.auth.authenticate(&asking(&basic(login, password), HOME)).await;
    answer.map(|principal| principal.expect("credentials were sent").uid.to_string())
}

fn known(subject: &str, login: &str) -> Answer {
    Answer::Ok(Identity {
        subject: subject.to_owned(),
        login: login.to_owned(),
        groups: Some(vec!["staff".to_owned()]),
        ..Identity::default()
    })
}

#[tokio::test]
async fn the_first_login_makes_an_account_that_a_renamed_login_keeps() {
    let (house, directory) = house();
    directory.says(known("uuid-1", "Carol"));
    assert_eq!(uid(&house, "Carol", "one").await.as_deref(), Ok("Carol"));
    directory.says(known("uuid-1", "carol.married"));
    assert_eq!(uid(&house, "carol.married", "two").await.as_deref(), Ok("Carol"));
    directory.says(known("uuid-2", "carol"));
    assert_eq!(uid(&house, "carol", "three").await.as_deref(), Ok("carol_2"), "another person");

    let carol = house.auth.find_user("carol").await.expect("reads").expect("exists");
    assert_eq!((carol.provider.as_str(), carol.subject.as_str()), ("plugin:directory", "uuid-1"));
    assert_eq!(carol.password, None);
    assert_eq!(house.auth.groups_of(&carol.uid).await.expect("reads"), ["staff"]);
    let elsewhere =
        house.auth.set_password(&By::console(), "Carol", &Secret::new("long enough")).await;
    assert!(matches!(elsewhere, Err(AccountError::PasswordElsewhere(_))), "{elsewhere:?}");
}

/// An id is not made of what logs in to somebody else's account.
#[tokio::test]
async fn a_directorys_login_that_is_somebodys_mail_address_becomes_another_id() {
    let (house, directory) = house();
    house.add("alice", PASSWORD, Some("alice@example.org"), false).await;
    directory.says(known("uuid-1", "alice@example.org"));
    let made = uid(&house, "alice@example.org", "from the directory").await;
    assert_eq!(made.as_deref(), Ok("alice@example.org_2"));
}

#[tokio::test]
async fn a_directory_cannot_take_over_a_built_in_account() {
    let (house, directory) = house();
    house.add("alice", PASSWORD, None, true).await;
    directory.says(known("uuid-1", "alice"));
    assert_eq!(uid(&house, "alice", "from the directory").await.as_deref(), Ok("alice_2"));
    directory.says(Answer::Next);
    assert_eq!(uid(&house, "alice", PASSWORD).await.as_deref(), Ok("alice"));
}

#[tokio::test]
async fn the_first_decisive_answer_counts() {
    let (house, directory) = house();
    house.add("alice", PASSWORD, None, true).await;
    directory.says(Answer::Denied);
    assert_eq!(uid(&house, "alice", PASSWORD).await, Err(AuthError::BadCredentials));
    directory.says(Answer::Disabled);
    assert_eq!(uid(&house, "alice", PASSWORD).await, Err(AuthError::Disabled));
    directory.says(Answer::Next);
    assert_eq!(uid(&house, "alice", PASSWORD).await.as_deref(), Ok("alice"));
    assert_eq!(uid(&house, "alice", "").await, Err(AuthError::BadCredentials));
}

#[tokio::test]
async fn a_directory_that_is_down_is_503_and_counts_against_nobody() {
    let (house, directory) = house();
    house.add("alice", PASSWORD, None, true).await;
    directory.is_down();
    for number in 0..15 {
        let got = uid(&house, "alice", &format!("{PASSWORD}{number}")).await;
        assert!(matches!(got, Err(AuthError::Unavailable { .. })), "{got:?}");
    }
    let token = crate::tokens::token(&house, "alice").await;
    assert!(uid(&house, "alice", &token).await.is_ok(), "tokens ask no directory");
    directory.says(Answer::Next);
    assert_eq!(uid(&house, "alice", PASSWORD).await.as_deref(), Ok("alice"));
}
