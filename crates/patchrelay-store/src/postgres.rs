//! A PostgreSQL database: how it is reached, and how much of it is used.
//!
//! Several nodes may share one. Leases and holds are judged by the clock of the database (D13), and nothing that an
//! earlier store left is freed when it is opened: it may be another node's, and expires by itself.

use std::{str::FromStr as _, time::Duration};

use patchrelay_ports::Cause;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    ConnectOptions as _, Connection as _,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tracing::info;

use crate::{
    SqlStore,
    database::{Database, OpenError},
};

/// How many connections to PostgreSQL one node has at most, unless it is told otherwise. Statements are short; a server
/// has a hundred connections unless it was told otherwise, and they are to be enough for several nodes and the people
/// who look at it.
pub const DEFAULT_CONNECTIONS: u32 = 10;

/// How long a call waits for a connection, a new one included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection that is not needed is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long the server may take for one statement, in milliseconds. Shorter than a lease, so that a renewal which
/// hangs fails while there is time to stop what the lease covers.
const STATEMENT_TIMEOUT_MS: &str = "15000";

/// How long a statement waits for a row, in milliseconds. Whoever has one is in a short transaction, or gone.
const LOCK_TIMEOUT_MS: &str = "10000";

/// How long a transaction may do nothing, in milliseconds, before the server ends it: its node was frozen, or the
/// network between them fails, and its rows are needed.
const IDLE_TRANSACTION_TIMEOUT_MS: &str = "15000";

/// How long a node waits for another one that brings the tables up to date, in milliseconds.
const MIGRATION_TIMEOUT_MS: &str = "120000";

/// How the server and its log call us, unless the URL says otherwise.
const APPLICATION_NAME: &str = "patchrelay";

/// Every migration, in order.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

impl SqlStore {
    /// Opens the PostgreSQL database (15 or newer) of a URL, which other nodes may use at the same time, and brings
    /// its tables up to date.
    ///
    /// The URL is that of `libpq`: `postgres://user:password@host:port/database?sslmode=verify-full`. TLS is as it
    /// says in `sslmode`, `sslrootcert`, `sslcert` and `sslkey`; without `sslmode` it is used when the server has it,
    /// and the server is not verified. Certificates are checked against Mozilla's list and `sslrootcert`. A schema can
    /// be chosen with `options[search_path]=…`. Neither errors nor logs repeat the user or the password.
    ///
    /// A crash in the middle leaves a database that the next call opens.
    pub async fn postgres(url: &SecretString) -> Result<Self, OpenError> {
        Self::postgres_with(url, DEFAULT_CONNECTIONS).await
    }

    /// Tells whether [`SqlStore::postgres`] could read this URL, without asking anybody.
    pub fn check_postgres_url(url: &SecretString) -> Result<(), OpenError> {
        options(url.expose_secret()).map(drop).map_err(|source| OpenError::Url { source })
    }

    /// The same as [`SqlStore::postgres`], with at most so many connections. They have to be at least one.
    pub async fn postgres_with(
        url: &SecretString,
        max_connections: u32,
    ) -> Result<Self, OpenError> {
        let options = options(url.expose_secret()).map_err(|source| OpenError::Url { source })?;
        let address = format!(
            "postgres://{}:{}/{}",
            options
                .get_socket()
                .map_or(options.get_host().into(), |socket| socket.to_string_lossy()),
            options.get_port(),
            options.get_database().unwrap_or_default(),
        );
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name(APPLICATION_NAME),
        };
        migrate(&options, &address).await?;
        let options = options.options([
            ("statement_timeout", STATEMENT_TIMEOUT_MS),
            ("lock_timeout", LOCK_TIMEOUT_MS),
            ("idle_in_transaction_session_timeout", IDLE_TRANSACTION_TIMEOUT_MS),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(IDLE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(OpenError::failed("open", &address))?;
        info!(database = %address, "store opened");
        Ok(Self { database: Database::Postgres(pool) })
    }
}

/// What a URL says. One of another kind is refused, because what comes first in it would be taken for anything, even
/// where that is the password.
fn options(url: &str) -> Result<PgConnectOptions, Cause> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("it does not begin with postgres://".into());
    }
    Ok(PgConnectOptions::from_str(url)?)
}

/// Brings the tables up to date on a connection of its own, which may wait for another node that is at it. Each
/// migration is one transaction.
async fn migrate(options: &PgConnectOptions, address: &str) -> Result<(), OpenError> {
    let patient = options.clone().options([("lock_timeout", MIGRATION_TIMEOUT_MS)]);
    // A pool would go on trying to reach a server that is not there.
    let connection = patient.connect().await.map_err(OpenError::failed("open", address))?;
    connection.close().await.map_err(OpenError::failed("open", address))?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(patient)
        .await
        .map_err(OpenError::failed("open", address))?;
    let migrated = MIGRATIONS.run(&pool).await.map_err(OpenError::not_migrated(address));
    pool.close().await;
    migrated
}
