//! A statement in the words of both databases, and the few words in which they differ.

/// A whole statement, once for each database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// For SQLite.
    pub(crate) sqlite: &'static str,
    /// For PostgreSQL.
    pub(crate) postgres: &'static str,
}

/// One part of a statement for one database. Text is text; the rest is where the two differ:
///
/// - `(now "$1")`: the time by which leases and holds are judged. SQLite, which one process uses, takes the time that
///   is bound; PostgreSQL takes its own, so that nodes with different clocks agree (D13).
/// - `row_lock`: what was read stays as it is until the transaction ends. SQLite has one writer at a time anyway.
/// - `skip_locked`: the rows of a common table expression are locked, and those that somebody else has are left out.
/// - `(either "…" "…")`: SQLite's words, PostgreSQL's words.
macro_rules! part {
    (sqlite $text:literal) => {
        $text
    };
    (postgres $text:literal) => {
        $text
    };
    (sqlite (now $bound:literal)) => {
        $bound
    };
    (postgres (now $bound:literal)) => {
        concat!("store_now(", $bound, ")")
    };
    (sqlite row_lock) => {
        ""
    };
    (postgres row_lock) => {
        " FOR UPDATE"
    };
    (sqlite skip_locked) => {
        ""
    };
    (postgres skip_locked) => {
        " FOR UPDATE SKIP LOCKED"
    };
    (sqlite (either $sqlite:literal $postgres:literal)) => {
        $sqlite
    };
    (postgres (either $sqlite:literal $postgres:literal)) => {
        $postgres
    };
}

/// Declares the statements, and the list of them for the test.
macro_rules! statements {
    ($($name:ident = [$($part:tt)+];)*) => {
        $(pub(crate) const $name: Statement = Statement {
            sqlite: concat!($(part!(sqlite $part)),+),
            postgres: concat!($(part!(postgres $part)),+),
        };)*

        #[cfg(test)]
        pub(crate) const ALL: &[(&str, Statement)] = &[$((stringify!($name), $name)),*];
    };
}
