//! Each call of a request that reads fails once. The answer is the right one, or says that there is
//! none now, or is cut off: never shorter, emptier, or another (`threats` §1: an index or a storage
//! that is away is no empty listing, and no wrong password).

use crate::fault::{Kind, Moment, Plan, Span};
use crate::operations::{Ask, library};
use crate::requests::{plan, says_so};
use crate::world::World;

/// More calls than any request makes.
const MOST: usize = 400;

const PLANS: [Plan; 4] = [
    plan(Kind::Unavailable, Moment::Before, Span::Once),
    plan(Kind::Unavailable, Moment::Before, Span::FromThen),
    plan(Kind::Internal, Moment::Before, Span::Once),
    plan(Kind::Panic, Moment::Before, Span::Once),
];

const PROPS: &str = r#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns"><d:prop><d:getetag/><oc:size/><oc:favorite/><oc:checksums/><nc:lock/><d:quota-available-bytes/><x xmlns="urn:x"/></d:prop></d:propfind>"#;
const SEARCH: &str = r#"<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:prop><d:displayname/></d:prop></d:select><d:from><d:scope><d:href>/files/alice</d:href></d:scope></d:from><d:where><d:like><d:prop><d:displayname/></d:prop><d:literal>%txt</d:literal></d:like></d:where></d:basicsearch></d:searchrequest>"#;
const FAVORITES: &str = r#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/></d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>"#;

fn questions() -> Vec<Ask> {
    vec![
        Ask::new("GET", "files/alice/a.txt"),
        Ask::new("HEAD", "files/alice/a.txt"),
        Ask::new("GET", "files/alice/b.txt"),
        Ask::new("GET", "files/alice/b.txt").with("range", "bytes=5-300000"),
        Ask::new("PROPFIND", "files/alice/").with("depth", "0").body(PROPS),
        Ask::new("PROPFIND", "files/alice/").with("depth", "1").body(PROPS),
        Ask::new("PROPFIND", "files/alice/d/").with("depth", "1"),
        Ask::new("SEARCH", "").with("content-type", "text/xml").body(SEARCH),
        Ask::new("REPORT", "files/alice/").body(FAVORITES),
    ]
}

#[tokio::test]
async fn a_reading_that_fails_says_so_and_is_never_half() {
    let mut world = World::ready(&library()).await;
    for ask in questions() {
        let right = world.ask(&ask).await;
        assert!((200..300).contains(&right.status) && !right.broken, "{ask:?}: {right:?}");
        for plan in PLANS {
            let mut failed = 0;
            for nth in 0..=MOST {
                // A new process knows nobody, so it asks for the token and the account, too.
                if nth % 8 == 0 {
                    world.kill().await;
                }
                world.requests.arm(nth, plan);
                let answer = world.ask(&ask).await;
                let Some(call) = world.requests.disarm() else {
                    assert_eq!(answer.body, right.body, "{ask:?}");
                    break;
                };
                let same = answer.status == right.status && answer.body == right.body;
                let good = answer.broken || same || says_so(&answer, plan.kind);
                assert!(good, "{ask:?} {call} ({nth}) {plan:?}: {answer:?}");
                failed += usize::from(!same);
                assert!(nth < MOST, "{ask:?} never goes through");
            }
            assert!(failed > 2, "{ask:?} {plan:?} noticed {failed} failures");
        }
        let again = world.ask(&ask).await;
        assert_eq!((again.status, &again.body), (right.status, &right.body), "{ask:?}");
    }
}
