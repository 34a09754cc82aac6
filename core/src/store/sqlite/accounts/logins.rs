//! Rows of how people log in: app passwords, sessions, login flows. Only hashes are stored.

use rusqlite::{Row, params};

use crate::ids::Uid;
use crate::store::StoreError;
use crate::store::accounts::{LoginFlow, Session, Token};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::writer::Batch;

/// `SELECT` of the columns that [`read_token`] reads, with what follows.
macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT id, uid, login, hash, name, created, last_used, expires, read_only, folder, ",
            "wipe, one_time FROM token ",
            $rest
        )
    };
}

/// `SELECT` of the columns that [`read_flow`] reads, with what follows.
macro_rules! select_flow {
    ($rest:literal) => {
        concat!(
            "SELECT poll_hash, login_hash, client, created, granted_uid, granted_login, server, ",
            "opened FROM login_flow ",
            $rest
        )
    };
}

fn read_token(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        id: row.get(0)?,
        uid: row.get(1)?,
        login: row.get(2)?,
        hash: row.get(3)?,
        name: row.get(4)?,
        created: row.get(5)?,
        last_used: row.get(6)?,
        expires: row.get(7)?,
        read_only: row.get(8)?,
        folder: row.get(9)?,
        wipe: row.get(10)?,
        one_time: row.get(11)?,
    })
}

fn read_flow(row: &Row<'_>) -> rusqlite::Result<LoginFlow> {
    let (uid, login): (Option<Uid>, Option<String>) = (row.get(4)?, row.get(5)?);
    Ok(LoginFlow {
        poll_hash: row.get(0)?,
        login_hash: row.get(1)?,
        client: row.get(2)?,
        created: row.get(3)?,
        granted: uid.zip(login),
        server: row.get(6)?,
        opened: row.get(7)?,
    })
}

pub(super) fn token(rows: &impl Rows, hash: &str) -> Result<Option<Token>, StoreError> {
    rows.one(select_token!("WHERE hash = ?1"), [hash], read_token)
}

pub(super) fn tokens_of(rows: &impl Rows, uid: &Uid) -> Result<Vec<Token>, StoreError> {
    rows.all(select_token!("WHERE uid = ?1 ORDER BY id"), [uid], read_token)
}

pub(super) fn session(rows: &impl Rows, hash: &str) -> Result<Option<Session>, StoreError> {
    let sql = "SELECT hash, uid, created, last_seen FROM session WHERE hash = ?1";
    rows.one(sql, [hash], |row| {
        Ok(Session {
            hash: row.get(0)?,
            uid: row.get(1)?,
            created: row.get(2)?,
            last_seen: row.get(3)?,
        })
    })
}

pub(super) fn flow_by_poll(rows: &impl Rows, hash: &str) -> Result<Option<LoginFlow>, StoreError> {
    rows.one(select_flow!("WHERE poll_hash = ?1"), [hash], read_flow)
}

pub(super) fn flow_by_login(rows: &impl Rows, hash: &str) -> Result<Option<LoginFlow>, StoreError> {
    rows.one(select_flow!("WHERE login_hash = ?1"), [hash], read_flow)
}

pub(super) fn insert_token(batch: &Batch<'_>, token: &Token) -> Result<i64, StoreError> {
    let sql = "INSERT INTO token (uid, login, hash, name, created, last_used, expires, read_only, \
               folder, wipe, one_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values = params![
        token.uid,
        token.login,
        token.hash,
        token.name,
        token.created,
        token.last_used,
        token.expires,
        token.read_only,
        token.folder,
        token.wipe,
        token.one_time,
    ];
    batch.run(sql, values)?;
    Ok(batch.conn().last_insert_rowid())
}

pub(super) fn update_token(batch: &Batch<'_>, token: &Token) -> Result<(), StoreError> {
    let sql = "UPDATE token SET uid = ?2, login = ?3, hash = ?4, name = ?5, created = ?6, \
               last_used = ?7, expires = ?8, read_only = ?9, folder = ?10, wipe = ?11, \
               one_time = ?12 WHERE id = ?1";
    let values = params![
        token.id,
        token.uid,
        token.login,
        token.hash,
        token.name,
        token.created,
        token.last_used,
        token.expires,
        token.read_only,
        token.folder,
        token.wipe,
        token.one_time,
    ];
    match batch.run(sql, values)? {
        0 => Err(StoreError::Failed(format!("there is no token {}", token.id))),
        _ => Ok(()),
    }
}

/// Later uses win, whatever their order here.
pub(super) fn touch_tokens(batch: &Batch<'_>, used: &[(String, i64)]) -> Result<(), StoreError> {
    let sql = "UPDATE token SET last_used = max(ifnull(last_used, ?2), ?2) WHERE hash = ?1";
    for (hash, time) in used {
        batch.run(sql, params![hash, time])?;
    }
    Ok(())
}

pub(super) fn put_session(batch: &Batch<'_>, session: &Session) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO session (hash, uid, created, last_seen) \
               VALUES (?1, ?2, ?3, ?4)";
    let values = params![session.hash, session.uid, session.created, session.last_seen];
    batch.run(sql, values).map(drop)
}

pub(super) fn put_flow(batch: &Batch<'_>, flow: &LoginFlow) -> Result<(), StoreError> {
    // Not REPLACE, which would silently remove another flow with the same login hash.
    let sql = "INSERT INTO login_flow (poll_hash, login_hash, client, created, granted_uid, \
               granted_login, server, opened) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
               ON CONFLICT (poll_hash) DO UPDATE SET login_hash = excluded.login_hash, \
               client = excluded.client, created = excluded.created, \
               granted_uid = excluded.granted_uid, granted_login = excluded.granted_login, \
               server = excluded.server, opened = excluded.opened";
    let granted = flow.granted.as_ref();
    let (uid, login) = (granted.map(|(uid, _)| uid), granted.map(|(_, login)| login));
    let values = params![
        flow.poll_hash,
        flow.login_hash,
        flow.client,
        flow.created,
        uid,
        login,
        flow.server,
        flow.opened,
    ];
    batch.run(sql, values).map(drop)
}
