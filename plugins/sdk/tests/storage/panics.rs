//! A panic in any function is an error of that call, and the next one works.

use moonsail_sdk::storage::{Durability, FileStorage, StagePath, Staged, StorageError, Tag, Watch};

use crate::odd::{Mood, Odd, removal};

/// Calls every function that gives no handle, and tells how many failed as a panic does.
async fn all(odd: &Odd, staged: &Staged) -> Vec<Result<(), StorageError>> {
    let (files, at, tag) = (&odd.files, &staged.at, Tag::default());
    let mut results = vec![
        files.put_small("x".into(), None, Durability::Full).await.map(drop),
        files.begin_stage(None).await.map(drop),
        files.reopen_stage(at).await.map(|file| file.keep()),
        files.stage_folder(None).await.map(drop),
        files.stage_copy("live", &tag, None, Durability::Full).await.map(drop),
        files.stage_copy_staged(at, None, Durability::Full).await.map(drop),
        files.discard(&StagePath("none".into())).await,
        files.list_stage().await.map(drop),
        files.open("live", &tag).await.map(drop),
        files.open_staged(at).await.map(drop),
        files.sync(vec!["live".into()]).await,
        files.stat("live").await.map(drop),
        files.list("").await.map(drop),
        files.survey("").await.map(drop),
        files.stat_members("", vec!["live".into()]).await.map(drop),
        files.may_change("").await.map(drop),
        files.watch().await.map(drop),
        files.free_space().await.map(drop),
    ];
    results.extend(files.apply(vec![removal()]).await.into_iter().map(|result| result.map(drop)));
    results
}

#[tokio::test]
async fn a_panic_in_any_function_is_an_error_and_the_next_call_works() {
    let odd = Odd::new();
    odd.control.memory.write_outside("live", b"live");
    let staged = odd.files.put_small("staged".into(), None, Durability::Full).await.unwrap();
    let well = all(&odd, &staged).await;
    // The empty tag is that of no file.
    let refused = well.iter().filter(|result| matches!(result, Err(StorageError::Changed(_))));
    let good = well.iter().filter(|result| result.is_ok());
    assert_eq!((good.count(), refused.count()), (17, 2), "{well:?}");
    for (mood, text) in [(Mood::PanicsAtOnce, "at once"), (Mood::PanicsLater, "later")] {
        odd.control.be(mood.clone());
        let panicked = StorageError::Internal(format!("it panicked: {text}"));
        for (index, result) in all(&odd, &staged).await.into_iter().enumerate() {
            assert_eq!(result, Err(panicked.clone()), "call {index}, {mood:?}");
        }
        odd.control.be(Mood::Well);
        assert_eq!(all(&odd, &staged).await, well, "afterwards");
    }
    assert_eq!(odd.host.instance().counts().1, 2 * 19, "all were counted");
    odd.control.be(Mood::PanicsAtOnce);
    assert!(!odd.files.is_same(&Tag("a".into()), &Tag("a".into())));
    odd.control.be(Mood::Well);
    odd.control.quiet().await;
}

#[tokio::test]
async fn a_panic_in_what_is_held_is_an_error_and_the_next_call_works() {
    for (mood, text) in [(Mood::PanicsAtOnce, "at once"), (Mood::PanicsLater, "later")] {
        let odd = Odd::new();
        odd.control.memory.write_outside("live", b"live");
        let tag = odd.files.stat("live").await.unwrap().unwrap().tag;
        let mut stage = odd.files.begin_stage(None).await.unwrap();
        let file = odd.files.open("live", &tag).await.unwrap();
        let mut watch: Box<dyn Watch> = odd.files.watch().await.unwrap().unwrap();
        let panicked = StorageError::Internal(format!("it panicked: {text}"));
        odd.control.be(mood);
        assert_eq!(stage.write_at(0, "x".into()).await, Err(panicked.clone()));
        assert_eq!(stage.sync().await, Err(panicked.clone()));
        assert_eq!(stage.read_at(0, 1).await, Err(panicked.clone()));
        assert_eq!(file.read_at(0, 4).await, Err(panicked.clone()));
        assert_eq!(watch.next().await, None, "a watch ends");
        odd.control.be(Mood::Well);
        assert_eq!(watch.next().await, None, "for good");
        stage.write_at(0, "abc".into()).await.unwrap();
        stage.sync().await.unwrap();
        assert_eq!(stage.read_at(1, 9).await.unwrap(), "bc");
        assert_eq!(file.read_at(0, 4).await.unwrap(), "live");
        odd.control.be(if text == "later" { Mood::PanicsLater } else { Mood::PanicsAtOnce });
        assert_eq!(stage.finish(3, None, Durability::Full).await, Err(panicked));
        odd.control.be(Mood::Well);
        assert_eq!(odd.files.list_stage().await.unwrap(), [], "nothing is left");
        drop((file, watch));
        odd.control.quiet().await;
    }
}
