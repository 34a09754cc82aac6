//! What all statements share: running them cached, mapping errors, and codes of small enums.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row};

use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::store::StoreError;

/// A transaction that statements run in: a reader's snapshot or the writer's batch.
pub(super) trait Rows {
    /// The connection that holds the transaction.
    fn conn(&self) -> &Connection;

    /// Hears of each failed statement.
    fn note(&self, _error: &StoreError) {}

    /// The first row, if there is one.
    fn one<T, P, F>(&self, sql: &str, params: P, read: F) -> Result<Option<T>, StoreError>
    where
        P: Params,
        F: FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    {
        let row = || self.conn().prepare_cached(sql)?.query_row(params, read).optional();
        self.check(row())
    }

    /// All rows, in order.
    fn all<T, C, P, F>(&self, sql: &str, params: P, read: F) -> Result<C, StoreError>
    where
        C: FromIterator<T>,
        P: Params,
        F: FnMut(&Row<'_>) -> rusqlite::Result<T>,
    {
        let rows = || self.conn().prepare_cached(sql)?.query_map(params, read)?.collect();
        self.check(rows())
    }

    /// Whether there is a row.
    fn exists<P: Params>(&self, sql: &str, params: P) -> Result<bool, StoreError> {
        let found = || self.conn().prepare_cached(sql)?.exists(params);
        self.check(found())
    }

    /// Runs a statement that changes rows; gives how many.
    fn run<P: Params>(&self, sql: &str, params: P) -> Result<usize, StoreError> {
        let changed = || self.conn().prepare_cached(sql)?.execute(params);
        self.check(changed())
    }

    /// Maps the error and notes it.
    fn check<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            let error = failure(&error);
            self.note(&error);
            error
        })
    }
}

/// The port's error of an SQLite error.
pub(super) fn failure(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // Nothing but the watch over searches interrupts.
        Some(ErrorCode::OperationInterrupted) => StoreError::TooLong,
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Failed(error.to_string()),
    }
}

/// A number of the port as SQLite stores it. Above 2^63-1 it takes the greatest: no file is so large.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that SQLite stores; never negative in these tables.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// `LIMIT` and `OFFSET` as SQLite takes them.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column that holds the index of a value in `values`: how enums are stored.
pub(super) fn code<T: Copy>(row: &Row<'_>, column: usize, values: &[T]) -> rusqlite::Result<T> {
    let code: i64 = row.get(column)?;
    let value = usize::try_from(code).ok().and_then(|code| values.get(code).copied());
    value.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

impl ToSql for NodeId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for NodeId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Stamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Stamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Uid {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Uid {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Self::parse_owner(text).ok_or_else(|| FromSqlError::Other("a malformed user id".into()))
    }
}
