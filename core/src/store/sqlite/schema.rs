//! The embedded migrations, and the facts of the installation.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::OpenError;
use crate::ids::InstanceId;
use crate::store::Installation;

/// Numbered from 1 without gaps, in order. A released one is never edited.
pub(super) const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("schema/0001_start.sql")),
    (2, include_str!("schema/0002_outside.sql")),
    (3, include_str!("schema/0003_feed.sql")),
    (4, include_str!("schema/0004_kv.sql")),
    (5, include_str!("schema/0005_storages.sql")),
    (6, include_str!("schema/0006_refused.sql")),
];

/// Greatest era: stamps hold 22 bits of it, and 0 is left to those who never had one.
const MAX_ERA: u32 = (1 << 22) - 1;

/// Reads the facts of the installation; makes those that are missing, which is all at first.
pub(super) fn installation(conn: &mut Connection) -> Result<Installation, OpenError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let instance = fact(&tx, "instance", || InstanceId::random().0)?;
    let era = fact(&tx, "era", || random_era().to_string())?;
    let secret = fact(&tx, "secret", || hex::encode(random_bytes::<32>()))?;
    let data_fingerprint = fact(&tx, "data_fingerprint", String::new)?;
    tx.commit()?;
    let era = era.parse().ok().filter(|era| (1..=MAX_ERA).contains(era));
    if secret.len() != 64 {
        return Err(OpenError::Installation("secret"));
    }
    Ok(Installation {
        instance: InstanceId(instance),
        era: era.ok_or(OpenError::Installation("era"))?,
        data_fingerprint,
        secret,
    })
}

fn fact(
    tx: &Transaction<'_>,
    key: &str,
    make: impl FnOnce() -> String,
) -> Result<String, rusqlite::Error> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    if let Some(value) = tx.query_row(sql, [key], |row| row.get(0)).optional()? {
        return Ok(value);
    }
    let value = make();
    tx.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", [key, &value])?;
    Ok(value)
}

/// An era that is not the one before.
pub(super) fn era_after(before: u32) -> u32 {
    loop {
        let era = random_era();
        if era != before {
            return era;
        }
    }
}

/// 1 to [`MAX_ERA`].
fn random_era() -> u32 {
    u32::from_le_bytes(random_bytes()) % MAX_ERA + 1
}

pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
