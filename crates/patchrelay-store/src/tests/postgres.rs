//! The contract on PostgreSQL, and what is true of a PostgreSQL database only. `.ci/postgres run` starts one.

mod claimers;
mod clock;
mod database;
mod earlier;

use std::{env, panic, str::FromStr as _};

use secrecy::SecretString;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, PgPool,
    postgres::PgConnectOptions,
};
use tokio::task::LocalSet;

use super::contract::{self, for_every_case};
use crate::{SqlStore, database::Database};

/// A schema of its own in the database that the tests were given.
#[derive(Clone)]
struct Schema {
    name: String,
}

impl Schema {
    async fn create() -> Self {
        let mut connection = connection().await;
        let name: String = sqlx::query_scalar(
            "SELECT 'test_' || REPLACE(CAST(gen_random_uuid() AS TEXT), '-', '')",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {name}"))).await.unwrap();
        Self { name }
    }

    /// The URL of the schema.
    fn url(&self) -> String {
        format!("{}?options[search_path]={}", server(), self.name)
    }

    async fn open(&self) -> SqlStore {
        SqlStore::postgres(&SecretString::from(self.url())).await.unwrap()
    }

    /// A store that takes the time it is told for the time of the database, so that a test can travel in time.
    async fn open_timeless(&self) -> SqlStore {
        let store = self.open().await;
        pool(&store)
            .execute("CREATE OR REPLACE FUNCTION store_now(bound BIGINT) RETURNS BIGINT LANGUAGE sql VOLATILE AS 'SELECT $1'")
            .await
            .unwrap();
        store
    }

    async fn connection(&self) -> PgConnection {
        PgConnectOptions::from_str(&self.url()).unwrap().connect().await.unwrap()
    }
}

/// Where the tests may make schemas.
#[expect(
    clippy::disallowed_methods,
    reason = "the server is the developer's choice, not the store's"
)]
fn server() -> String {
    env::var("PATCHRELAY_TEST_POSTGRES")
        .expect("PATCHRELAY_TEST_POSTGRES is the URL of a PostgreSQL database")
}

async fn connection() -> PgConnection {
    PgConnectOptions::from_str(&server()).unwrap().connect().await.unwrap()
}

fn pool(store: &SqlStore) -> &PgPool {
    match &store.database {
        Database::Postgres(pool) => pool,
        Database::Sqlite(_) => panic!("it was opened by its URL"),
    }
}

/// Runs a test in a schema that is gone afterwards, whatever becomes of the test.
async fn in_schema<T: Future<Output = ()> + 'static>(test: impl FnOnce(Schema) -> T) {
    let schema = Schema::create().await;
    let tasks = LocalSet::new();
    let task = tasks.spawn_local(test(schema.clone()));
    let ended = tasks.run_until(task).await;
    let drop = format!("DROP SCHEMA {} CASCADE", schema.name);
    connection().await.execute(AssertSqlSafe(drop)).await.unwrap();
    if let Err(error) = ended {
        panic::resume_unwind(error.into_panic());
    }
}

macro_rules! on_postgres {
    ($($module:ident: $($case:ident),+;)+) => {$(
        mod $module {
            $(
                #[tokio::test]
                #[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
                async fn $case() {
                    super::in_schema(|schema| async move {
                        let store = std::sync::Arc::new(schema.open_timeless().await);
                        super::contract::$module::$case(store).await;
                    })
                    .await;
                }
            )+
        }
    )+};
}

for_every_case!(on_postgres);
