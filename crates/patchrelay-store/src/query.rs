//! A statement with its values, for whichever database it is.
//!
//! The databases differ in types that all code would otherwise have to name; here they stop. Text, numbers and bytes
//! are all that columns hold, so a value is one of three.

use std::borrow::Cow;

use sqlx::{
    Arguments as _, FromRow,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{
    database::Database,
    sql::Statement,
    transaction::{Connection, Transaction},
};

/// A statement and what is bound to it, in the order of its placeholders.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    statement: Statement,
    values: Vec<Value<'a>>,
}

/// A value of a column.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Text(Option<Cow<'a, str>>),
    Integer(Option<i64>),
    Bytes(&'a [u8]),
}

/// A row that can be read from both databases.
pub(crate) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<R> Record for R where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A statement without values yet.
pub(crate) fn query<'a>(statement: Statement) -> Query<'a> {
    Query { statement, values: Vec::new() }
}

impl<'a> Query<'a> {
    /// Binds the next placeholder.
    pub(crate) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Carries it out, and tells how many rows it changed.
    pub(crate) async fn execute(self, tx: &mut Transaction) -> sqlx::Result<u64> {
        match tx.connection() {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with(self.statement.sqlite, self.sqlite()?);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_with(self.statement.postgres, self.postgres()?);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
        }
    }

    /// Whether it finds anything.
    pub(crate) async fn exists(self, tx: &mut Transaction) -> sqlx::Result<bool> {
        match tx.connection() {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with(self.statement.sqlite, self.sqlite()?);
                Ok(query.fetch_optional(&mut **connection).await?.is_some())
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_with(self.statement.postgres, self.postgres()?);
                Ok(query.fetch_optional(&mut **connection).await?.is_some())
            }
        }
    }

    /// Every row that it gives.
    pub(crate) async fn fetch_all<R: Record>(self, tx: &mut Transaction) -> sqlx::Result<Vec<R>> {
        match tx.connection() {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_as_with(self.statement.sqlite, self.sqlite()?);
                query.fetch_all(&mut **connection).await
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_as_with(self.statement.postgres, self.postgres()?);
                query.fetch_all(&mut **connection).await
            }
        }
    }

    /// The first row that it gives, if any.
    pub(crate) async fn fetch_optional<R: Record>(
        self,
        tx: &mut Transaction,
    ) -> sqlx::Result<Option<R>> {
        match tx.connection() {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_as_with(self.statement.sqlite, self.sqlite()?);
                query.fetch_optional(&mut **connection).await
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_as_with(self.statement.postgres, self.postgres()?);
                query.fetch_optional(&mut **connection).await
            }
        }
    }

    /// Every row that it gives, by itself and on a connection that reads.
    pub(crate) async fn read_all<R: Record>(self, database: &Database) -> sqlx::Result<Vec<R>> {
        match database {
            Database::Sqlite(file) => {
                let query = sqlx::query_as_with(self.statement.sqlite, self.sqlite()?);
                query.fetch_all(&file.reader).await
            }
            Database::Postgres(pool) => {
                let query = sqlx::query_as_with(self.statement.postgres, self.postgres()?);
                query.fetch_all(pool).await
            }
        }
    }

    /// The first row that it gives, if any, by itself and on a connection that reads.
    pub(crate) async fn read_optional<R: Record>(
        self,
        database: &Database,
    ) -> sqlx::Result<Option<R>> {
        match database {
            Database::Sqlite(file) => {
                let query = sqlx::query_as_with(self.statement.sqlite, self.sqlite()?);
                query.fetch_optional(&file.reader).await
            }
            Database::Postgres(pool) => {
                let query = sqlx::query_as_with(self.statement.postgres, self.postgres()?);
                query.fetch_optional(pool).await
            }
        }
    }

    /// The row that it always gives, by itself and on a connection that reads.
    pub(crate) async fn read_one<R: Record>(self, database: &Database) -> sqlx::Result<R> {
        self.read_optional(database).await?.ok_or(sqlx::Error::RowNotFound)
    }

    fn sqlite(self) -> sqlx::Result<SqliteArguments> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            match value {
                Value::Text(text) => arguments.add(text.map(Cow::into_owned)),
                Value::Integer(number) => arguments.add(number),
                Value::Bytes(bytes) => arguments.add(bytes),
            }
            .map_err(not_encoded)?;
        }
        Ok(arguments)
    }

    fn postgres(self) -> sqlx::Result<PgArguments> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            match value {
                Value::Text(text) => arguments.add(text.map(without_nul)),
                Value::Integer(number) => arguments.add(number),
                Value::Bytes(bytes) => arguments.add(bytes),
            }
            .map_err(not_encoded)?;
        }
        Ok(arguments)
    }
}

/// PostgreSQL's text has no NUL. Names and errors from outside may, and one that does must neither be refused for ever
/// nor compare differently from how it is stored. JSON has escapes for it, so no domain value is changed.
fn without_nul(text: Cow<'_, str>) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn not_encoded(error: BoxDynError) -> sqlx::Error {
    sqlx::Error::Encode(error)
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}
