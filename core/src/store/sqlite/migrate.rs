//! Brings the schema up to date: numbered scripts, each in one transaction, each remembered with
//! its checksum, so that a changed script or a newer index is refused and never guessed at.

use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::OpenError;

const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    number   INTEGER PRIMARY KEY,
    checksum TEXT    NOT NULL,
    applied  INTEGER NOT NULL
) STRICT";

/// Runs what of `migrations` has not run on this index. `now` in Unix seconds.
pub(super) fn run(
    conn: &mut Connection,
    migrations: &[(i64, &str)],
    now: i64,
) -> Result<(), OpenError> {
    conn.execute(RECORD, [])?;
    let known = migrations.last().map_or(0, |(number, _)| *number);
    let done = recorded(conn)?;
    if let Some((found, _)) = done.last().filter(|(found, _)| *found > known) {
        return Err(OpenError::Newer { found: *found, known });
    }
    for &(number, script) in migrations {
        let checksum = hex::encode(Sha256::digest(script));
        match done.iter().find(|(other, _)| *other == number) {
            Some((_, recorded)) if *recorded == checksum => {}
            Some(_) => return Err(OpenError::Altered { number }),
            None => apply(conn, number, script, &checksum, now)
                .map_err(|source| OpenError::Migration { number, source })?,
        }
    }
    Ok(())
}

fn recorded(conn: &Connection) -> Result<Vec<(i64, String)>, rusqlite::Error> {
    conn.prepare("SELECT number, checksum FROM schema_migration ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn apply(
    conn: &mut Connection,
    number: i64,
    script: &str,
    checksum: &str,
    now: i64,
) -> Result<(), rusqlite::Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(script)?;
    tx.execute(
        "INSERT INTO schema_migration (number, checksum, applied) VALUES (?1, ?2, ?3)",
        params![number, checksum, now],
    )?;
    tx.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: (i64, &str) = (1, "CREATE TABLE a (x);");
    const TWO: (i64, &str) = (2, "CREATE TABLE b (x); INSERT INTO b VALUES (1);");
    const BROKEN: (i64, &str) = (2, "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);");

    fn tables(conn: &Connection) -> i64 {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')";
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn each_migration_runs_once() {
        let mut conn = Connection::open_in_memory().unwrap();
        for migrations in [&[ONE][..], &[ONE, TWO], &[ONE, TWO]] {
            run(&mut conn, migrations, 0).unwrap();
            assert_eq!(tables(&conn), i64::try_from(migrations.len()).unwrap());
        }
    }

    #[test]
    fn a_newer_index_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        run(&mut conn, &[ONE, TWO], 0).unwrap();
        let error = run(&mut conn, &[ONE], 0).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }), "{error}");
    }

    #[test]
    fn an_altered_migration_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        run(&mut conn, &[ONE], 0).unwrap();
        let error = run(&mut conn, &[(1, "CREATE TABLE a (y);")], 0).unwrap_err();
        assert!(matches!(error, OpenError::Altered { number: 1 }), "{error}");
    }

    #[test]
    fn a_failed_migration_leaves_nothing_behind() {
        let mut conn = Connection::open_in_memory().unwrap();
        let error = run(&mut conn, &[ONE, BROKEN], 0).unwrap_err();
        assert!(matches!(error, OpenError::Migration { number: 2, .. }), "{error}");
        assert_eq!(tables(&conn), 1);
        run(&mut conn, &[ONE, TWO], 0).unwrap();
        assert_eq!(tables(&conn), 2);
    }
}
