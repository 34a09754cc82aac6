//! Rows of chunked uploads.

use rusqlite::{Row, params};

use super::rows::{Rows, signed, unsigned};
use super::writer::Batch;
use crate::ids::Uid;
use crate::storage::StagePath;
use crate::store::StoreError;
use crate::store::uploads::{Chunk, Upload, UploadsRead, UploadsWrite};

/// `SELECT` of the columns that [`upload`] reads, with what follows.
macro_rules! select_upload {
    ($rest:literal) => {
        concat!("SELECT id, user, name, total, file, touched FROM upload ", $rest)
    };
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        total: row.get::<_, Option<i64>>(3)?.map(unsigned),
        file: row.get::<_, Option<String>>(4)?.map(StagePath),
        touched: row.get(5)?,
    })
}

fn chunk(row: &Row<'_>) -> rusqlite::Result<Chunk> {
    Ok(Chunk {
        name: row.get(0)?,
        size: unsigned(row.get(1)?),
        offset: row.get::<_, Option<i64>>(2)?.map(unsigned),
        parked: row.get::<_, Option<String>>(3)?.map(StagePath),
        mtime: row.get(4)?,
    })
}

impl<T: Rows> UploadsRead for T {
    fn upload(&mut self, user: &Uid, name: &str) -> Result<Option<Upload>, StoreError> {
        let sql = select_upload!("WHERE user = ?1 AND name = ?2");
        self.one(sql, params![user, name], upload)
    }

    fn uploads(&mut self, user: &Uid) -> Result<Vec<Upload>, StoreError> {
        self.all(select_upload!("WHERE user = ?1 ORDER BY name"), [user], upload)
    }

    fn stale_uploads(&mut self, before: i64) -> Result<Vec<Upload>, StoreError> {
        self.all(select_upload!("WHERE touched < ?1 ORDER BY touched, id"), [before], upload)
    }

    fn chunks(&mut self, upload: i64) -> Result<Vec<Chunk>, StoreError> {
        let sql = "SELECT name, size, \"offset\", parked, mtime FROM chunk WHERE upload = ?1 \
                   ORDER BY name";
        self.all(sql, [upload], chunk)
    }

    fn chunk(&mut self, upload: i64, name: &str) -> Result<Option<Chunk>, StoreError> {
        let sql = "SELECT name, size, \"offset\", parked, mtime FROM chunk \
                   WHERE upload = ?1 AND name = ?2";
        self.one(sql, params![upload, name], chunk)
    }

    fn count_chunks(&mut self, upload: i64) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM chunk WHERE upload = ?1";
        let found = self.one(sql, [upload], |row| row.get::<_, i64>(0))?;
        Ok(found.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
    }

    fn uploads_size(&mut self, user: &Uid) -> Result<u64, StoreError> {
        let sql = "SELECT ifnull(sum(c.size), 0) FROM upload u JOIN chunk c ON c.upload = u.id \
                   WHERE u.user = ?1";
        Ok(self.one(sql, [user], |row| row.get(0).map(unsigned))?.unwrap_or(0))
    }

    fn upload_stage_keys(&mut self) -> Result<Vec<StagePath>, StoreError> {
        let sql = "SELECT file FROM upload WHERE file IS NOT NULL \
                   UNION SELECT parked FROM chunk WHERE parked IS NOT NULL";
        self.all(sql, [], |row| row.get(0).map(StagePath))
    }
}

impl UploadsWrite for Batch<'_> {
    fn insert_upload(&mut self, upload: &Upload) -> Result<Option<i64>, StoreError> {
        let sql = "INSERT INTO upload (user, name, total, file, touched) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (user, name) DO NOTHING";
        let values = params![
            upload.user,
            upload.name,
            upload.total.map(signed),
            upload.file.as_ref().map(|file| &file.0),
            upload.touched,
        ];
        let inserted = self.run(sql, values)?;
        Ok((inserted == 1).then(|| self.conn().last_insert_rowid()))
    }

    fn update_upload(&mut self, upload: &Upload) -> Result<(), StoreError> {
        let sql = "UPDATE upload SET user = ?2, name = ?3, total = ?4, file = ?5, touched = ?6 \
                   WHERE id = ?1";
        let values = params![
            upload.id,
            upload.user,
            upload.name,
            upload.total.map(signed),
            upload.file.as_ref().map(|file| &file.0),
            upload.touched,
        ];
        match self.run(sql, values)? {
            0 => Err(StoreError::Failed(format!("there is no upload {}", upload.id))),
            _ => Ok(()),
        }
    }

    fn remove_upload(&mut self, id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM chunk WHERE upload = ?1", [id])?;
        self.run("DELETE FROM upload WHERE id = ?1", [id]).map(drop)
    }

    fn put_chunk(&mut self, upload: i64, chunk: &Chunk) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO chunk (upload, name, size, \"offset\", parked, mtime) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![
            upload,
            chunk.name,
            signed(chunk.size),
            chunk.offset.map(signed),
            chunk.parked.as_ref().map(|parked| &parked.0),
            chunk.mtime,
        ];
        self.run(sql, values).map(drop)
    }

    fn remove_chunk(&mut self, upload: i64, name: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM chunk WHERE upload = ?1 AND name = ?2";
        self.run(sql, params![upload, name]).map(drop)
    }
}
