//! Searching.

use std::sync::Arc;
use std::time::Duration;

use super::{Bed, file, folder, home, insert, read, uid, write};
use crate::ids::NodeId;
use crate::store::nodes::Node;
use crate::store::search::{Filter, Order, Question, SortKey};
use crate::store::{Store, StoreError};

/// A small tree: `Über.jpg`, `notes.md`, `sub/photo.JPG`, `sub/deep/100%.txt`; bob's `other.jpg`.
/// Gives the root and the id of `notes.md`.
fn plant(store: &Arc<dyn Store>) -> (NodeId, NodeId) {
    let root = home(store, "alice").root;
    insert(store, Node { size: 30, mtime: 3, uploaded: 1, ..file(root, "Über.jpg") });
    let notes = insert(store, Node { size: 10, mtime: 1, uploaded: 3, ..file(root, "notes.md") });
    let sub = insert(store, Node { mtime: 9, uploaded: 9, ..folder(root, "sub") }).id;
    let deep = insert(store, Node { mtime: 8, uploaded: 8, ..folder(sub, "deep") }).id;
    insert(store, Node { size: 20, mtime: 2, uploaded: 2, ..file(sub, "photo.JPG") });
    insert(store, Node { size: 20, mtime: 4, uploaded: 4, ..file(deep, "100%.txt") });
    let bob = home(store, "bob").root;
    let other = insert(store, file(bob, "other.jpg")).id;
    write(store, move |tx| {
        tx.set_favorite(notes.id, &uid("alice"), true)?;
        tx.set_favorite(other, &uid("alice"), true)?;
        tx.set_favorite(sub, &uid("bob"), true)
    });
    (root, notes.id)
}

fn question(below: NodeId, filter: Filter) -> Question {
    Question {
        below,
        user: uid("alice"),
        filter,
        sort: Vec::new(),
        offset: 0,
        limit: 99,
        time: Duration::from_secs(60),
        members_only: false,
    }
}

/// Paths of the results, in order.
#[track_caller]
fn paths(store: &Arc<dyn Store>, question: &Question) -> Vec<String> {
    read(store, |tx| tx.search(question)).into_iter().map(|(_, path)| path).collect()
}

pub(crate) fn filters_choose(bed: &impl Bed) {
    use Filter::{And, Favorite, IsCollection, MediaTypeLike, Mtime, NameLike, Not, Or, Size};
    let store = bed.open();
    let (root, notes) = plant(&store);
    let like = |pattern: &str| NameLike(pattern.to_owned());
    let media = |pattern: &str| MediaTypeLike(pattern.to_owned());
    let not = |filter| Not(Box::new(filter));
    let (uber, photo, percent) = ("Über.jpg", "sub/photo.JPG", "sub/deep/100%.txt");
    for (filter, expected) in [
        (And(vec![]), vec![uber, "notes.md", "sub", "sub/deep", photo, percent]),
        (Or(vec![]), vec![]),
        (like("%.jpg"), vec![uber, photo]),
        (like("ÜBER%"), vec![uber]),
        (like("über%"), vec![uber]),
        (like("u\u{308}ber.jpg"), vec![uber]),
        (like("\\S\\ub"), vec!["sub"]),
        (like("%\\_%"), vec![]),
        (like("%ee%"), vec!["sub/deep"]),
        (like("%\\%%"), vec![percent]),
        (like("not_s.md"), vec!["notes.md"]),
        (like("notes"), vec![]),
        (media("image/%"), vec![uber, photo]),
        (media("IMAGE/jp_g"), vec![uber, photo]),
        (media("%"), vec![uber, "notes.md", photo, percent]),
        (not(media("image/%")), vec!["notes.md", "sub", "sub/deep", percent]),
        (IsCollection, vec!["sub", "sub/deep"]),
        (Favorite(true), vec!["notes.md"]),
        (Favorite(false), vec![uber, "sub", "sub/deep", photo, percent]),
        (Size(Order::Equal, 20), vec![photo, percent]),
        (Size(Order::Greater, 20), vec![uber]),
        (Mtime(Order::GreaterOrEqual, 4), vec!["sub", "sub/deep", percent]),
        (Mtime(Order::Less, 2), vec!["notes.md"]),
        (Filter::Uploaded(Order::LessOrEqual, 2), vec![uber, photo]),
        (Filter::FileId(Order::Equal, notes.0), vec!["notes.md"]),
        (And(vec![like("%.jpg"), Size(Order::Equal, 20)]), vec![photo]),
        (Or(vec![like("sub"), Favorite(true), IsCollection]), vec!["notes.md", "sub", "sub/deep"]),
        (not(Or(vec![IsCollection, like("%.jpg")])), vec!["notes.md", percent]),
    ] {
        assert_eq!(paths(&store, &question(root, filter.clone())), expected, "{filter:?}");
    }
}

pub(crate) fn results_are_sorted_and_paged(bed: &impl Bed) {
    let store = bed.open();
    let (root, _) = plant(&store);
    let files = Filter::Not(Box::new(Filter::IsCollection));
    let (uber, notes, photo, percent) =
        ("Über.jpg", "notes.md", "sub/photo.JPG", "sub/deep/100%.txt");
    for (sort, expected) in [
        (vec![], [uber, notes, photo, percent]),
        (vec![(SortKey::Name, false)], [percent, notes, photo, uber]),
        (vec![(SortKey::Size, false)], [notes, photo, percent, uber]),
        (vec![(SortKey::FileId, true)], [percent, photo, notes, uber]),
        (vec![(SortKey::Mtime, true)], [percent, uber, photo, notes]),
        (vec![(SortKey::Uploaded, false)], [uber, photo, notes, percent]),
        (vec![(SortKey::Size, true), (SortKey::Mtime, true)], [uber, percent, photo, notes]),
        (vec![(SortKey::Size, true), (SortKey::FileId, false)], [uber, photo, percent, notes]),
    ] {
        let all = Question { sort: sort.clone(), ..question(root, files.clone()) };
        assert_eq!(paths(&store, &all), expected, "{sort:?}");
        let page = Question { offset: 1, limit: 2, ..all };
        assert_eq!(paths(&store, &page), expected[1..3], "{sort:?}");
    }
}

pub(crate) fn a_search_ends_when_its_time_is_over(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    for i in 0..1000 {
        insert(&store, file(root, &format!("{i}.txt")));
    }
    let none = Filter::NameLike("%no%".to_owned());
    let question = Question { time: Duration::ZERO, ..question(root, none) };
    let mut reader = store.reader().unwrap();
    assert!(matches!(reader.search(&question), Err(StoreError::TooLong)));
    // Nothing of it stays with the snapshot or the thread.
    let patient = Question { time: Duration::from_secs(60), ..question };
    assert_eq!(reader.search(&patient).unwrap(), []);
    assert_eq!(reader.child_count(root).unwrap(), 1000);
}

pub(crate) fn deep_questions_give_paths_and_flat_ones_members(bed: &impl Bed) {
    let store = bed.open();
    let (root, notes) = plant(&store);
    let all = |below| question(below, Filter::And(Vec::new()));
    let flat = |below| Question { members_only: true, ..all(below) };
    let sub = read(&store, |tx| tx.child(root, "sub")).expect("a folder");
    assert_eq!(paths(&store, &all(sub.id)), ["deep", "photo.JPG", "deep/100%.txt"]);
    assert_eq!(paths(&store, &flat(sub.id)), ["deep", "photo.JPG"]);
    assert_eq!(paths(&store, &flat(root)), ["Über.jpg", "notes.md", "sub"]);
    // The whole row comes along.
    let found = read(&store, |tx| tx.search(&flat(root)));
    assert_eq!(found[2], (sub, "sub".to_owned()));
    // Nothing is below a file, what does not exist, or no folder at all.
    for below in [notes, NodeId(9_999), NodeId(0), NodeId(-1)] {
        assert_eq!(paths(&store, &all(below)), [""; 0], "{below}");
        assert_eq!(paths(&store, &flat(below)), [""; 0], "{below}");
    }
}

pub(crate) fn long_and_hostile_questions_are_only_questions(bed: &impl Bed) {
    let store = bed.open();
    let (root, _) = plant(&store);
    let hostile = Filter::NameLike("'); DROP TABLE node; --".to_owned());
    assert_eq!(paths(&store, &question(root, hostile)), [""; 0]);
    let mut names: Vec<_> = (0..5_000).map(|i| Filter::NameLike(format!("{i}"))).collect();
    names.push(Filter::NameLike("sub".to_owned()));
    assert_eq!(paths(&store, &question(root, Filter::Or(names))), ["sub"]);
    let nested = (0..40).fold(Filter::IsCollection, |inner, _| Filter::And(vec![inner]));
    assert_eq!(paths(&store, &question(root, nested)), ["sub", "sub/deep"]);
    let stars = Filter::NameLike("%a%a%a%a%a%a%a%a%a%a%a%a%b".to_owned());
    insert(&store, file(root, &"a".repeat(255)));
    assert_eq!(paths(&store, &question(root, stars)), [""; 0]);
}
