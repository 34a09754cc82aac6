//! Chunked uploads.

use super::{Bed, read, refused, uid, write};
use crate::storage::StagePath;
use crate::store::uploads::{Chunk, Upload};

fn upload(user: &str, name: &str) -> Upload {
    Upload { id: 0, user: uid(user), name: name.into(), total: None, file: None, touched: 10 }
}

fn chunk(name: &str) -> Chunk {
    Chunk { name: name.into(), size: 5, offset: Some(0), parked: None, mtime: 3 }
}

pub(crate) fn a_transfer_lives_and_goes_with_its_chunks(bed: &impl Bed) {
    let store = bed.open();
    let (alice, new) = (uid("alice"), upload("alice", "t"));
    let id = write(&store, move |tx| tx.insert_upload(&new)).expect("a free name");
    let taken = write(&store, |tx| tx.insert_upload(&upload("alice", "t")));
    assert_eq!(taken, None);
    assert!(write(&store, |tx| tx.insert_upload(&upload("bob", "t"))).is_some());
    let changed = Upload {
        id,
        total: Some(1 << 40),
        file: Some(StagePath("k".into())),
        touched: 11,
        ..upload("alice", "t")
    };
    let update = changed.clone();
    let parked = Chunk { offset: None, parked: Some(StagePath("p".into())), ..chunk("10") };
    let put = parked.clone();
    write(&store, move |tx| {
        tx.update_upload(&update)?;
        tx.put_chunk(id, &chunk("2"))?;
        tx.put_chunk(id, &chunk("10"))?;
        tx.put_chunk(id, &put)?;
        tx.put_chunk(id, &chunk("3"))?;
        tx.remove_chunk(id, "3")?;
        tx.remove_chunk(id, "never")
    });
    assert_eq!(read(&store, |tx| tx.upload(&alice, "t")), Some(changed.clone()));
    assert_eq!(read(&store, |tx| tx.uploads(&alice)), std::slice::from_ref(&changed));
    let other = write(&store, |tx| tx.insert_upload(&upload("alice", "B"))).expect("a free name");
    let names = read(&store, |tx| tx.uploads(&alice)).into_iter().map(|it| it.name);
    assert_eq!(names.collect::<Vec<_>>(), ["B", "t"]);
    refused(&store, move |tx| tx.update_upload(&Upload { id: other, ..changed }));
    refused(&store, |tx| tx.update_upload(&Upload { id: 9_999, ..upload("alice", "new") }));
    assert_eq!(read(&store, |tx| tx.chunks(id)), [parked.clone(), chunk("2")]);
    assert_eq!(read(&store, |tx| tx.count_chunks(id)), 2);
    assert_eq!(read(&store, |tx| tx.chunk(id, "10")), Some(parked));
    assert_eq!(read(&store, |tx| tx.chunk(id, "3")), None, "removed");
    assert_eq!(read(&store, |tx| tx.chunk(other, "10")), None, "of another transfer");
    write(&store, move |tx| tx.put_chunk(other, &Chunk { size: 1 << 40, ..chunk("1") }));
    assert_eq!(read(&store, |tx| tx.uploads_size(&uid("alice"))), (1 << 40) + 10);
    assert_eq!(read(&store, |tx| tx.uploads_size(&uid("bob"))), 0, "a transfer without chunks");
    write(&store, move |tx| tx.remove_upload(id));
    assert_eq!(read(&store, |tx| tx.upload(&alice, "t")), None);
    assert_eq!(read(&store, |tx| tx.chunks(id)), []);
    let again = write(&store, |tx| tx.insert_upload(&upload("alice", "t")));
    assert!(again.expect("a free name") > other && other > id);
}

pub(crate) fn stale_transfers_and_stage_keys_are_listed(bed: &impl Bed) {
    let store = bed.open();
    write(&store, |tx| {
        for (name, touched, file) in [("a", 30, None), ("b", 20, Some("k")), ("c", 10, None)] {
            let file = file.map(|key: &str| StagePath(key.to_owned()));
            let id = tx.insert_upload(&Upload { touched, file, ..upload("alice", name) })?;
            let parked = Some(StagePath(format!("p{name}")));
            let id = id.expect("a free name");
            tx.put_chunk(id, &Chunk { parked: parked.clone(), offset: None, ..chunk("1") })?;
            tx.put_chunk(id, &Chunk { parked, offset: None, ..chunk("1 again") })?;
            tx.put_chunk(id, &chunk("2"))?;
        }
        Ok(())
    });
    let stale = read(&store, |tx| tx.stale_uploads(30));
    assert_eq!(stale.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    let mut keys = read(&store, |tx| tx.upload_stage_keys());
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(), ["k", "pa", "pb", "pc"]);
}
