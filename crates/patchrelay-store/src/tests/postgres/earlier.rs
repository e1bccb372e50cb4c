//! Databases of earlier versions, brought up to date.

use sqlx::{AssertSqlSafe, Executor as _};

use super::in_schema;
use crate::{
    postgres::MIGRATIONS,
    tests::earlier::{inserts, is_all_there},
};

#[tokio::test]
#[ignore = "needs PostgreSQL: PATCHRELAY_TEST_POSTGRES"]
async fn what_any_earlier_version_stored_is_read_right() {
    for migration in MIGRATIONS.iter() {
        in_schema(|schema| async move {
            let mut connection = schema.connection().await;
            MIGRATIONS.run_to(migration.version, &mut connection).await.unwrap();
            let count = "UPDATE feed_cursor SET cursor = (SELECT MAX(cursor) FROM feed)".to_owned();
            let statements = inserts(migration.version, |hex| format!("'\\x{hex}'"));
            for statement in statements.into_iter().chain([count]) {
                if let Err(error) = connection.execute(AssertSqlSafe(statement.clone())).await {
                    panic!("{error}: {statement}");
                }
            }
            is_all_there(&schema.open().await).await;
        })
        .await;
    }
}
