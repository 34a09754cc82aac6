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

    /// Writes more than fits into a small cache, so that it reaches the disk, and never ends.
    const ENDLESS: (i64, &str) = (
        2,
        "PRAGMA cache_size = 10;
         CREATE TABLE b (x);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
             INSERT INTO b SELECT hex(zeroblob(2000)) FROM n;",
    );
    /// Names the index to the child that is to be killed.
    const VICTIM: &str = "MOONSAIL_TEST_MIGRATION_VICTIM";

    #[test]
    fn a_migration_that_is_killed_leaves_the_old_schema() {
        #[expect(clippy::disallowed_methods, reason = "told by this very test to its child")]
        if let Some(index) = std::env::var_os(VICTIM) {
            run(&mut Connection::open(index).unwrap(), &[ONE, ENDLESS], 0).unwrap();
            unreachable!("it never ends");
        }
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index.db");
        let mut conn = Connection::open(&index).unwrap();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        run(&mut conn, &[ONE], 0).unwrap();
        conn.execute("INSERT INTO a VALUES (7)", []).unwrap();
        let log = dir.path().join("index.db-wal");
        let before = log.metadata().unwrap().len();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--test-threads=1"])
            .arg("store::sqlite::migrate::tests::a_migration_that_is_killed_leaves_the_old_schema")
            .env(VICTIM, &index)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while log.metadata().unwrap().len() < before + (1 << 20) {
            assert!(child.try_wait().unwrap().is_none(), "the child ended early");
            assert!(begun.elapsed().as_secs() < 30, "nothing is written");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(conn);
        let mut conn = Connection::open(&index).unwrap();
        assert_eq!(tables(&conn), 1);
        assert_eq!(recorded(&conn).unwrap().len(), 1);
        let rows: i64 = conn.query_row("SELECT x FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 7);
        // The next start brings it up to date.
        run(&mut conn, &[ONE, TWO], 0).unwrap();
        assert_eq!(tables(&conn), 2);
    }
}
