//! Rows of chunked uploads.

use std::collections::BTreeSet;

use super::state::{State, failed, next, row};
use crate::ids::Uid;
use crate::storage::StagePath;
use crate::store::StoreError;
use crate::store::uploads::{Chunk, Upload, UploadsRead, UploadsWrite};

impl UploadsRead for State {
    fn upload(&mut self, user: &Uid, name: &str) -> Result<Option<Upload>, StoreError> {
        let named = |it: &&Upload| (&it.user, it.name.as_str()) == (user, name);
        Ok(self.uploads.values().find(named).cloned())
    }

    fn uploads(&mut self, user: &Uid) -> Result<Vec<Upload>, StoreError> {
        let mut found: Vec<Upload> =
            self.uploads.values().filter(|it| it.user == *user).cloned().collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn stale_uploads(&mut self, before: i64) -> Result<Vec<Upload>, StoreError> {
        let mut stale: Vec<Upload> =
            self.uploads.values().filter(|it| it.touched < before).cloned().collect();
        stale.sort_by_key(|it| (it.touched, it.id));
        Ok(stale)
    }

    fn chunks(&mut self, upload: i64) -> Result<Vec<Chunk>, StoreError> {
        let rows = self.chunks.iter().filter(|((of, _), _)| *of == upload);
        Ok(rows.map(|(_, chunk)| chunk.clone()).collect())
    }

    fn chunk(&mut self, upload: i64, name: &str) -> Result<Option<Chunk>, StoreError> {
        Ok(self.chunks.get(&(upload, name.to_owned())).cloned())
    }

    fn count_chunks(&mut self, upload: i64) -> Result<usize, StoreError> {
        Ok(self.chunks.keys().filter(|(of, _)| *of == upload).count())
    }

    fn uploads_size(&mut self, user: &Uid) -> Result<u64, StoreError> {
        let theirs = |upload| self.uploads.get(upload).is_some_and(|it| it.user == *user);
        let chunks = self.chunks.iter().filter(|((upload, _), _)| theirs(upload));
        Ok(chunks.map(|(_, chunk)| chunk.size).sum())
    }

    fn upload_stage_keys(&mut self) -> Result<Vec<StagePath>, StoreError> {
        let files = self.uploads.values().filter_map(|it| it.file.as_ref());
        let parked = self.chunks.values().filter_map(|it| it.parked.as_ref());
        let keys: BTreeSet<&str> = files.chain(parked).map(|key| key.0.as_str()).collect();
        Ok(keys.into_iter().map(|key| StagePath(key.to_owned())).collect())
    }
}

impl UploadsWrite for State {
    fn insert_upload(&mut self, upload: &Upload) -> Result<Option<i64>, StoreError> {
        if self.upload(&upload.user, &upload.name)?.is_some() {
            return Ok(None);
        }
        let id = next(&mut self.last_upload);
        self.uploads.insert(id, Upload { id, ..upload.clone() });
        Ok(Some(id))
    }

    fn update_upload(&mut self, upload: &Upload) -> Result<(), StoreError> {
        if self.upload(&upload.user, &upload.name)?.is_some_and(|it| it.id != upload.id) {
            return failed("the name is taken");
        }
        *row(&mut self.uploads, &upload.id)? = upload.clone();
        Ok(())
    }

    fn remove_upload(&mut self, id: i64) -> Result<(), StoreError> {
        self.chunks.retain(|(upload, _), _| *upload != id);
        self.uploads.remove(&id);
        Ok(())
    }

    fn put_chunk(&mut self, upload: i64, chunk: &Chunk) -> Result<(), StoreError> {
        self.chunks.insert((upload, chunk.name.clone()), chunk.clone());
        Ok(())
    }

    fn remove_chunk(&mut self, upload: i64, name: &str) -> Result<(), StoreError> {
        self.chunks.remove(&(upload, name.to_owned()));
        Ok(())
    }
}
